import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { readKnown } from '../../src/store/nats/direct-read.ts';
import { HeaderCursor } from '../../src/store/nats/header-cursor.ts';
import { readUpTo } from '../../src/store/nats/header-pages.ts';
import { LogStream } from '../../src/store/nats/log-stream.ts';
import { JetStreamRefusal, refusals } from '../../src/store/nats/nats-faults.ts';
import type { NatsLink } from '../../src/store/nats/nats-link.ts';

type Answer = { readonly code: number; readonly values?: Readonly<Record<string, string>> };

const noResponders: Answer = { code: 503 };
const noMore: Answer = { code: 404 };
const endOfPage: Answer = { code: 204, values: { 'Nats-Num-Pending': '0' } };
const stored = (seq: number): Answer => ({ code: 0, values: { 'Nats-Sequence': String(seq) } });

/**
 * A log whose requests get these answers, one list per request and then the last list repeatedly; an empty list means no answer. Its
 * leader has the message `lastKept`; 0: none.
 */
function logWith(requests: Answer[][], { isGone = false, lastKept = 1 } = {}) {
  let take: (error: null, message: object) => void;
  const publish = (subject: string) => {
    if (subject.includes('.DELETE.')) return;
    const answers = requests.length > 1 ? requests.shift()! : requests[0]!;
    // Each request takes more than half of the time that a replica may lag.
    vi.advanceTimersByTime(answers.length === 0 ? 0 : 3_000);
    for (const { code, values = {} } of answers) {
      const headers = { code, description: '', get: (name: string) => values[name] ?? '' };
      queueMicrotask(() => take(null, { subject: 'inbox', headers, data: new Uint8Array() }));
    }
  };
  const subscribe = (_inbox: string, { callback }: { callback: typeof take }) => {
    take = callback;
    return { unsubscribe() {} };
  };
  const api = async (name: string) => {
    if (isGone && name.startsWith('STREAM')) throw new JetStreamRefusal(refusals.streamNotFound, 'not found');
    if (lastKept === 0 && name.startsWith('STREAM.MSG.GET'))
      throw new JetStreamRefusal(refusals.messageNotFound, 'no message');
    return { message: { subject: 'a', seq: lastKept, time: '' } };
  };
  const connection = { publish, subscribe, isClosed: () => false };
  const link = { requests: 0, inbox: () => 'inbox', connection, api, decodeHeaders: () => ({}) };
  return new LogStream(link as unknown as NatsLink, 'test', 'log' as LogId, () => {});
}

const late = (message: string) => ({
  code: 'BACKEND_ERROR',
  message: expect.stringContaining('NATS did not answer in time.'),
  cause: expect.objectContaining({ message }),
});

describe('A read of NATS', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  const read = (log: LogStream) => readKnown(log, 'a', 1, 10, 1_000, 1);
  const readHeaders = async (log: LogStream) =>
    readUpTo(await HeaderCursor.open(log, [], 0, (_message, seq) => seq), 10, 1);

  test('reports that the log is gone if its stream was deleted in the meantime.', async () => {
    await expect(read(logWith([[noResponders]], { isGone: true }))).rejects.toMatchObject({ code: 'LOG_GONE' });
  });

  test('is repeated until a server knows who answers for a new stream.', async () => {
    const { messages } = await read(logWith([[noResponders], [stored(1), endOfPage]]));
    expect(messages.map(({ seq }) => seq)).toEqual([1]);
  });

  test('ends where the last message was removed in the meantime.', async () => {
    expect((await read(logWith([[noMore]], { lastKept: 0 }))).messages).toEqual([]);
  });

  test('of headers ends where the last message was removed meanwhile.', async () => {
    expect(await readHeaders(logWith([[noMore]], { lastKept: 0 }))).toEqual([]);
  });

  test.each([
    ['payloads', read],
    ['headers', readHeaders],
  ])('fails with its cause when a replica stays behind the leader: %s.', async (_what, readFrom) => {
    await expect(readFrom(logWith([[noMore]]))).rejects.toMatchObject(
      late('a replica was behind its leader for more than 5 s: check the servers of the cluster'),
    );
  });

  test.each([
    ['payloads', read, 'NATS did not answer a read of test-log within 5 s'],
    ['headers', readHeaders, 'NATS did not answer the pull of a consumer within 5 s'],
  ])('fails with its cause when it is not answered: %s.', async (_what, readFrom, cause) => {
    const failed = expect(readFrom(logWith([[]]))).rejects.toMatchObject(late(cause));
    await vi.advanceTimersByTimeAsync(6_000);
    await failed;
  });

  test('fails with its cause when no server has its consumer.', async () => {
    await expect(readHeaders(logWith([[noResponders]]))).rejects.toMatchObject(
      late('no server of NATS has had the consumer of a read for 5 s'),
    );
  });
});
