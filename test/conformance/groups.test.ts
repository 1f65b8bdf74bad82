import { expect, test } from 'vitest';
import { FakeGroupServer } from './fake-group-server.ts';
import { scenarios } from './group-scenarios.ts';
import { startWorker } from './in-process-worker.ts';

/** A correct worker needs a fraction of a second. Only a faulty one is waited for that long. */
const patienceMs = 100_000;

test.concurrent.each(Object.entries(scenarios))('A worker %s.', async (_title, play) => {
  const server = await FakeGroupServer.open(patienceMs);
  const worker = startWorker(server.url);
  const ended = worker.done.catch((error: unknown) => error);
  try {
    await play(server, () => void worker.stop());
    await Promise.all([worker.stop(), server.until('leave', () => server.bodies('leave').length > 0)]);
    expect(await ended).toBeUndefined();
  } finally {
    await server.close();
  }
});
