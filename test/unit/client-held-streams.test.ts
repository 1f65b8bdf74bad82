import { expect, test } from 'vitest';
import { HeldStreams, type Outcome } from '../../src/client/groups/held-streams.ts';
import { Progress } from '../../src/client/groups/progress.ts';

const stream = 'account-1';

/** A stream that is held at position 0, with the outcomes of attempts in order, and the attempts so far. */
function held(...outcomes: Outcome[]) {
  const attempts: number[] = [];
  const unused = { session: 's-1', options: {}, source: {}, resume: () => {}, settled: () => {}, fenced: () => {} };
  const parts = {
    ...unused,
    generation: { layout: 0, partition: 0, generation: 1 },
    progress: new Progress<unknown>(1),
    // The server releases the stream.
    requests: { settle: async () => undefined },
    dropped: new AbortController().signal,
    attempt: async ({ position }: { position: number }) => {
      attempts.push(position);
      return outcomes.shift() ?? 'settled';
    },
    readNext: async (_stream: string, position: number) => ({ stream, position, globalPosition: 1 }),
  };
  const streams = new HeldStreams(parts as unknown as ConstructorParameters<typeof HeldStreams>[0], [{ stream }]);
  return { streams, attempts };
}

const retry = { stream, position: 0, attempt: 2 };

test('A retry that the end of a lease interrupted is resumed.', async () => {
  const { streams, attempts } = held('stopped');
  await streams.retry(retry);
  await streams.resume();
  expect([attempts, streams.has(stream)]).toEqual([[0, 0], false]);
});

test('A retry that was interrupted is not resumed after the server asked for it again.', async () => {
  const { streams, attempts } = held('stopped');
  await streams.retry(retry);
  await streams.retry(retry);
  expect(streams.has(stream)).toBe(false);
  await streams.resume();
  expect(attempts).toEqual([0, 0]);
});
