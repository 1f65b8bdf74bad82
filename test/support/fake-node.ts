import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CloseReason } from '../../src/hub/close-reason.ts';
import { Hub, type HubOptions } from '../../src/hub/hub.ts';
import { type SubscribeRequest, startingPoint } from '../../src/hub/starting-point.ts';
import type { Subscription, Wishes } from '../../src/hub/subscription.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import type { Greeting } from '../../src/sse/connection.ts';
import type { ClaimedCursor } from '../../src/sse/cursor.ts';
import { DirectFrameEncoder, readyFrame } from '../../src/sse/frame.ts';
import { newMessages, pokePool, selectionOf } from './fake-messages.ts';
import { FakeSink } from './fake-sink.ts';
import { FakeStore } from './fake-store.ts';

const namespace = 'default';

/** What a client wants that knows nothing but pokes. */
export const noWishes: Wishes = { hello: false, heads: false, conflated: false, heartbeatMs: undefined };

/** How an answer begins that says only that it is ready, without a head. */
export const readyGreeting: Greeting = { framing: 'chunked', head: Buffer.alloc(0), frames: readyFrame };

/** What a test asks for; a number as the last event id names no log. */
export type AskedFor = Partial<Omit<SubscribeRequest, 'lastEventId'>> & {
  readonly lastEventId?: number | ClaimedCursor | undefined;
};

/** Holds a subscription without a token. */
export const nobody = { namespaceId: namespace, tokenId: undefined, address: '127.0.0.1' };

/** A hub over a fake store, without timers or network. Close it by `await using`, which finds what was not given back. */
export class FakeNode implements AsyncDisposable {
  readonly pokes = pokePool();
  readonly buffers = new BufferPool({ min: 1, max: 8 });
  readonly store = new FakeStore({ pokes: this.pokes, maxBytes: 0 });
  readonly hub: Hub;
  /** What the hub's observer was told. */
  readonly opened: Subscription[] = [];
  readonly closed: { subscription: Subscription; reason: CloseReason }[] = [];
  readonly failures: unknown[] = [];
  toldCount = 0;
  readonly #sinks: FakeSink[] = [];

  constructor(options: Partial<HubOptions> = {}) {
    this.hub = new Hub({
      store: this.store,
      buffers: this.buffers,
      encoder: new DirectFrameEncoder(),
      observer: {
        opened: (subscription) => this.opened.push(subscription),
        closed: (subscription, reason) => this.closed.push({ subscription, reason }),
        readFailed: (_subscription, error) => this.failures.push(error),
        told: () => this.toldCount++,
      },
      heartbeatMs: 0,
      stallTimeoutMs: 0,
      ...options,
    });
  }

  /** Things lent by the pools and not given back. */
  get leased(): number {
    const buffers = [...this.buffers.classes.values()].map(({ stats }) => stats.leased);
    return buffers.reduce((sum, leased) => sum + leased, this.pokes.stats.leased + this.buffers.oversizedStats.leased);
  }

  /** Appends so many messages at once; returns the global position of the last. */
  async append(stream: string, count = 1, inNamespace = namespace): Promise<number> {
    const outcome = await this.store.append(inNamespace, stream, newMessages(count), undefined);
    if (outcome.outcome !== 'appended') throw new Error(`the append ended in ${outcome.outcome}`);
    return outcome.globalPosition;
  }

  /** Subscribes as a request does; the greeting is the ready comment. Everything by default. */
  async subscribe({ lastEventId, ...parts }: AskedFor = {}, sink = new FakeSink()): Promise<Listening> {
    const request = {
      namespace,
      selection: selectionOf({ all: true }),
      position: 0,
      lastEventId: claimOf(lastEventId),
      epoch: undefined,
      wishes: noWishes,
      ...parts,
    };
    const start = await startingPoint(this.store, request);
    this.#sinks.push(sink);
    return { sink, subscription: this.hub.subscribe(start, sink, readyGreeting, nobody) };
  }

  /** Resolves when nothing moves any more, what was gathered told: what is left waits for the test. */
  async settle(): Promise<void> {
    const enough = 4 + this.store.readTurns;
    let before = '';
    for (let quiet = 0; quiet < enough; ) {
      await nextTurn();
      // A busy hub may rest before it ends its turn.
      if (quiet === enough - 2) this.hub.turn.flush();
      const now = this.#fingerprint();
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hub.stop();
    this.store.failure = undefined;
    this.store.answerReads();
    for (const sink of this.#sinks) sink.destroy();
    await this.settle();
    if (this.leased > 0) throw new Error(`${this.leased} things were not given back to their pools`);
    if (this.hub.subscriptions.size > 0) throw new Error('a subscription outlived its socket');
    const overfull = this.#sinks.find(({ writesWhileFull }) => writesWhileFull > 0);
    if (overfull !== undefined) throw new Error('bytes were written to a socket that had not taken those before');
  }

  #fingerprint(): string {
    const { turn, catchUp, subscriptions } = this.hub;
    const states = [...subscriptions].map(({ state, cursor }) => `${state}${cursor}`).join();
    const { reads, readsUnderWay, unannounced } = this.store;
    const bytes = this.#sinks.reduce((sum, sink) => sum + sink.bytesWritten + sink.writableLength, 0);
    return [states, reads, readsUnderWay, unannounced, catchUp.waiting, turn.stats.pokes, bytes].join();
  }
}

/** A subscription with the socket it writes to. */
export type Listening = { readonly sink: FakeSink; readonly subscription: Subscription };

/** A number is a cursor that does not name its log. */
export function claimOf(lastEventId: number | ClaimedCursor | undefined): ClaimedCursor | undefined {
  return typeof lastEventId === 'number' ? { globalPosition: lastEventId, tag: undefined } : lastEventId;
}
