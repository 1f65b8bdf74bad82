import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { HeaderCursor } from '../../src/store/nats/header-cursor.ts';
import { LogStream } from '../../src/store/nats/log-stream.ts';
import type { NatsLink } from '../../src/store/nats/nats-link.ts';

type Callback = (error: null, message: object) => void;
type Request = { readonly inbox: string; left: number };

/**
 * A server with one consumer that answers requests as nats-server 2.15 does: it serves them in turn, refuses a request
 * for more messages than it has while another is in flight (408), and ends all when it has no more messages (404).
 */
class FakeConsumer {
  readonly #callbacks = new Map<string, Callback>();
  #name = '';
  #requests: Request[] = [];
  #delivered = 0;
  #inboxes = 0;
  /** Sequence number of the last message of the stream. */
  head: number;
  /** Answers a request with this status once. */
  refuseNext = 0;
  /** Number of requests that found no further message. */
  ends = 0;
  /** Sizes of the requested batches. */
  readonly asked: number[] = [];

  constructor(head: number) {
    this.head = head;
  }

  open(): Promise<HeaderCursor<number>> {
    const link = {
      requests: 0,
      inbox: () => `inbox${this.#inboxes++}`,
      connection: {
        info: { server_name: 'a' },
        isClosed: () => false,
        subscribe: (inbox: string, { callback }: { callback: Callback }) => {
          this.#callbacks.set(inbox, callback);
          return { unsubscribe: () => void this.#callbacks.delete(inbox) };
        },
        publish: (subject: string, body: string, { reply = '' } = {}) => {
          if (subject.includes('.NEXT.')) this.#ask(reply, JSON.parse(body).batch);
        },
      },
      api: async (subject: string) => {
        this.#name = subject.slice(subject.lastIndexOf('.') + 1);
        return {};
      },
    };
    const log = new LogStream(link as unknown as NatsLink, 'test', 'log' as LogId, () => {});
    return HeaderCursor.open(log, [], 0, (_message, seq) => seq);
  }

  /** Sends at most `most` messages, and statuses if none is left. */
  send(most = 1): void {
    for (let sent = 0; sent < most && this.#requests.length > 0 && this.#delivered < this.head; sent++) {
      const request = this.#requests.shift()!;
      request.left--;
      if (request.left > 0) this.#requests.push(request);
      const seq = ++this.#delivered;
      const reply = `$JS.ACK.log.${this.#name}.1.${seq}.${seq}.0.0`;
      this.#callbacks.get(request.inbox)?.(null, { subject: 'log.a', reply });
    }
    if (this.#delivered === this.head) for (const { inbox } of this.#requests.splice(0)) this.#status(inbox, 404);
  }

  /** Drops messages in transit. */
  lose(count: number): void {
    this.#delivered += count;
  }

  #ask(inbox: string, batch: number): void {
    this.asked.push(batch);
    const waiting = this.#requests.reduce((sum, { left }) => sum + left, 0);
    const pending = this.head - this.#delivered;
    if (this.refuseNext !== 0) {
      this.#status(inbox, this.refuseNext);
      this.refuseNext = 0;
    } else if (pending === 0) this.#status(inbox, 404);
    else if (waiting > 0 && pending < waiting + batch) this.#status(inbox, 408);
    else this.#requests.push({ inbox, left: batch });
  }

  #status(inbox: string, code: number): void {
    if (code === 404) this.ends++;
    this.#callbacks.get(inbox)?.(null, { subject: inbox, headers: { code } });
  }
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('a cursor over headers', () => {
  test('asks for the next messages once the first of a request arrives', async () => {
    const consumer = new FakeConsumer(40);
    const cursor = await consumer.open();
    cursor.readAhead(10);
    const first = cursor.pull(10);
    expect(consumer.asked).toEqual([10]);
    consumer.send(1);
    expect(consumer.asked).toEqual([10, 10]);
    consumer.send(19);
    expect((await first).entries).toEqual(upTo(10));
    expect((await cursor.pull(10)).entries).toEqual(upTo(20).slice(10));
  });

  test('keeps at most the messages of two requests unread', async () => {
    const consumer = new FakeConsumer(1_000);
    const cursor = await consumer.open();
    cursor.readAhead(10);
    void cursor.pull(10);
    consumer.send(1_000);
    const pulled = 10;
    expect(cursor.last - pulled).toBe(20);
  });

  test('rejects a pull whose deliveries were lost, and every later one', async () => {
    const consumer = new FakeConsumer(40);
    const cursor = await consumer.open();
    const pulled = cursor.pull(10);
    consumer.send(3);
    consumer.lose(2);
    consumer.send(1);
    const cause = expect.objectContaining({ message: 'deliveries of a consumer were lost' });
    await expect(pulled).rejects.toMatchObject({ cause });
    await expect(cursor.pull(10)).rejects.toMatchObject({ cause });
  });

  test('returns each message once and in order, and is short only where the stream ended', async () => {
    const step = fc.record({
      sends: fc.integer({ min: 0, max: 30 }),
      appended: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 15 })),
      refused: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(409, 503) }),
    });
    const run = fc.record({
      stored: fc.integer({ min: 0, max: 120 }),
      most: fc.integer({ min: 1, max: 25 }),
      ahead: fc.integer({ min: 0, max: 25 }),
      steps: fc.array(step, { minLength: 1, maxLength: 40 }),
    });
    await fc.assert(fc.asyncProperty(run, readWhileAppended), { numRuns: 150 });
  });
});

type Step = { readonly sends: number; readonly appended: number; readonly refused: number };
type Run = { readonly stored: number; readonly most: number; readonly ahead: number; readonly steps: readonly Step[] };

async function readWhileAppended({ stored, most, ahead, steps }: Run): Promise<void> {
  const consumer = new FakeConsumer(stored);
  const cursor = await consumer.open();
  cursor.readAhead(ahead);
  const read: number[] = [];
  let isPulling = false;
  let wasShort = false;
  const pull = async () => {
    const { ends } = consumer;
    const { entries, isShort } = await cursor.pull(most);
    read.push(...entries);
    if (isShort) expect(consumer.ends).toBeGreaterThan(ends);
    wasShort ||= isShort;
    // A later read continues at this position.
    if (wasShort) expect(cursor.last).toBe(read.length);
  };
  let pulled: Promise<void> = Promise.resolve();
  for (const { sends, appended, refused } of steps) {
    if (!isPulling) {
      isPulling = true;
      pulled = pull().finally(() => {
        isPulling = false;
      });
      // Awaited at the end.
      pulled.catch(() => {});
    }
    consumer.refuseNext = refused;
    consumer.head += appended;
    for (let sent = 0; sent < sends; sent++) consumer.send();
    await turn();
  }
  consumer.refuseNext = 0;
  while (isPulling) {
    consumer.send(1_000);
    await turn();
  }
  await pulled;
  expect(read).toEqual(upTo(read.length));
}
