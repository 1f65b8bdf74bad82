import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { FakeStore } from '../support/fake-store.ts';
import { startTestApp } from '../support/start-app.ts';

test('A start that finds its port in use closes the store that it has opened.', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  let closed = 0;
  class ClosingStore extends FakeStore {
    override async close(): Promise<void> {
      await super.close();
      closed++;
    }
  }
  const starting = startTestApp(['--port', String(port)], {
    openStore: async (_url, options) => new ClosingStore(options),
  });
  await expect(starting).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(closed).toBe(1);
  taken.close();
});

test('A store that is not known stops the start with a sentence that names the setting, and not what may be secret.', async () => {
  const starting = startTestApp(['--store', 'oracle://user:secret@host/db']);
  await expect(starting).rejects.toThrow(/^--store must be memory: or sqlite:FILE, got oracle:…$/);
});
