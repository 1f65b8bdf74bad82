import { expect, test } from 'vitest';
import { HeldStreams, type Outcome } from '../../src/client/groups/held-streams.ts';
import { Progress } from '../../src/client/groups/progress.ts';
import type { Message } from '../../src/client/messages.ts';

const stream = 'account-1';

/** A stream that is held at position 0, with the outcomes of attempts in order, and the attempts so far. */
function held(...outcomes: Outcome[]) {
  const attempts: number[] = [];
  const unused = {
    session: 's-1',
    options: {},
    source: { call: () => {} },
    resume: () => {},
    settled: () => {},
    fenced: () => {},
  };
  const parts = {
    ...unused,
    generation: { layout: 0, partition: 0, generation: 1 },
    progress: new Progress<unknown>(1),
    // The server releases the stream.
    requests: { settle: async (): Promise<number | undefined> => undefined, hold: async () => 'held' },
    dropped: new AbortController().signal,
    attempt: async ({ position }: { position: number }) => {
      attempts.push(position);
      return outcomes.shift() ?? 'settled';
    },
    readNext: async (_stream: string, position: number) => ({ stream, position, globalPosition: 1 }),
  };
  const streams = new HeldStreams(parts as unknown as ConstructorParameters<typeof HeldStreams>[0], [
    { stream, position: 0 },
  ]);
  return { streams, attempts, parts };
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

test('A message before the position of a held stream is handled.', async () => {
  const { streams } = held();
  const message = (position: number) => ({ stream, position }) as Message<unknown>;
  streams.handled({ stream: 'account-2', position: 9 } as Message<unknown>);
  expect([-1, 0].map((position) => streams.isHandled(message(position)))).toEqual([true, false]);
  await streams.retry(retry);
  expect([0, 1].map((position) => streams.isHandled(message(position)))).toEqual([true, false]);
  expect(streams.isHandled({ stream: 'account-2', position: 0 } as Message<unknown>)).toBe(false);
});

test('A stream is not held if its message was retried and handled before the server answered that it is.', async () => {
  const { streams, attempts, parts } = held({ error: 'failed' });
  await streams.retry(retry);
  const { promise, resolve } = Promise.withResolvers<string>();
  parts.requests.hold = () => promise;
  const answer = streams.hold({ stream, position: 0, globalPosition: 1 } as Message<unknown>, 'failed', 1);
  await streams.retry(retry);
  expect([attempts, streams.has(stream)]).toEqual([[0, 0], false]);
  resolve('held');
  expect([await answer, streams.has(stream)]).toEqual(['settled', false]);
});

test('A stream is retried once at a time, even if a retry arrives while the answer to a hold does.', async () => {
  const { streams, attempts, parts } = held();
  const [hold, attempt] = [Promise.withResolvers<string>(), Promise.withResolvers<Outcome>()];
  parts.requests.hold = () => hold.promise;
  const answer = streams.hold({ stream, position: 0, globalPosition: 1 } as Message<unknown>, 'failed', 1);
  parts.attempt = async ({ position }) => {
    attempts.push(position);
    return attempt.promise;
  };
  const first = streams.retry(retry);
  hold.resolve('held');
  expect(await answer).toBe('held');
  await streams.retry(retry);
  attempt.resolve('settled');
  await first;
  expect([attempts, streams.has(stream)]).toEqual([[0], false]);
});
