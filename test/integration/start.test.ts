import { copyFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { FakeStore } from '../support/fake-store.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

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

test('An unknown store stops the start with a message that names the setting, without possible secrets.', async () => {
  const starting = startTestApp(['--store', 'oracle://user:secret@host/db']);
  await expect(starting).rejects.toThrow(
    /^--store must be memory:, sqlite:FILE, postgres:\/\/… or nats:\/\/…, got oracle:…$/,
  );
});

test('A start reports where messages are stored, what that means, and their number.', async () => {
  using folder = new TemporaryFolder();
  const file = folder.file('a.db');
  const welcomeOf = async (...flags: string[]) => {
    await using server = new SpokenProcess(['--port', '0', ...flags]);
    await server.listening();
    await expect.poll(() => server.stderr, { timeout: 20_000 }).toContain('/docs');
    return server.stderr;
  };
  expect(await welcomeOf()).toContain(
    'Messages are in memory and end with the process; keep them with --store sqlite:pokewire.db\n',
  );
  expect(await welcomeOf('--store', `sqlite:${file}`)).toContain(`Messages are in ${file}, which was created now.\n`);
  expect(await welcomeOf('--store', `sqlite:${file}`)).toContain(
    `Messages are in ${file}, with 0 messages in 1 namespace.\n`,
  );
});

test('A start on a copy logs once that its logs have new epochs.', async () => {
  using folder = new TemporaryFolder();
  const [file, copy] = [folder.file('a.db'), folder.file('b.db')];
  const warningsOf = async (path: string) => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    await using _app = await startTestApp(['--store', `sqlite:${path}`], { log });
    return lines;
  };
  expect(await warningsOf(file)).toEqual([]);
  copyFileSync(file, copy);
  expect(await warningsOf(copy)).toEqual([
    expect.stringMatching(/is not the file of the last start, so its logs have new epochs/),
  ]);
  expect(await warningsOf(copy)).toEqual([]);
});
