import { setImmediate as nextTurn } from 'node:timers/promises';
import { readRetryDelays } from '../../src/hub/back-off.ts';
import type { CloseReason } from '../../src/hub/close-reason.ts';
import { Hub, type HubOptions } from '../../src/hub/hub.ts';
import type { SubscribeRequest, Wishes } from '../../src/hub/starting-point.ts';
import type { Subscription } from '../../src/hub/subscription.ts';
import { everything } from '../../src/message/selection.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import type { ClaimedCursor } from '../../src/sse/cursor.ts';
import { DirectFrameEncoder } from '../../src/sse/frame.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { newMessages, pokePool } from './fake-messages.ts';
import { FakeSink } from './fake-sink.ts';
import { FakeStore } from './fake-store.ts';

const defaultNamespace = 'default';
const turnsToBegin = 10;

/** Options of a client that only knows pokes. */
export const noWishes: Wishes = { hello: false, heads: false, conflated: false, heartbeatMs: undefined };

/** A subscriber's request; a number as cursor names no log. */
export type Asked = Partial<Omit<SubscribeRequest, 'log' | 'lastEventId'>> & {
  readonly namespace?: string;
  readonly lastEventId?: ClaimedCursor | number | undefined;
};

export type FakeNodeOptions = Partial<HubOptions> & { readonly storage?: MemoryStorage };

/** A hub over a fake store, without timers or network. Close it by `await using`, which detects what was not released. */
export class FakeNode implements AsyncDisposable {
  readonly pokes = pokePool();
  readonly buffers = new BufferPool({ min: 1, max: 8 });
  readonly storage: MemoryStorage;
  readonly store: FakeStore;
  readonly hub: Hub;
  /** Subscriptions reported to the hub's observer. */
  readonly opened: Subscription[] = [];
  readonly closed: { subscription: Subscription; reason: CloseReason }[] = [];
  readonly failures: unknown[] = [];
  /** Number of subscriptions that released their resources. */
  released = 0;
  deliveredCount = 0;
  /** Head of responses from now on. */
  responseHead = Buffer.alloc(0);
  readonly #sinks: FakeSink[] = [];

  /** With another node's storage it is a second node over the same logs. */
  constructor({ storage = new MemoryStorage(), ...options }: FakeNodeOptions = {}) {
    this.storage = storage;
    this.store = new FakeStore({ pokes: this.pokes, storage });
    this.hub = new Hub({
      store: this.store,
      pokes: this.pokes,
      buffers: this.buffers,
      encoder: new DirectFrameEncoder(),
      observer: {
        opened: (subscription) => this.opened.push(subscription),
        closed: (subscription, reason) => this.closed.push({ subscription, reason }),
        readFailed: (_log, error) => this.failures.push(error),
        delivered: () => this.deliveredCount++,
      },
      heartbeatMs: 0,
      stallTimeoutMs: 0,
      // A day: tests call `look` themselves.
      safetyReadMs: 86_400_000,
      windowPokes: 64,
      retryDelays: readRetryDelays,
      ...options,
    });
  }

  /** Pooled objects that were not returned. */
  get leased(): number {
    const buffers = [...this.buffers.classes.values()].map(({ stats }) => stats.leased);
    return buffers.reduce((sum, leased) => sum + leased, this.pokes.stats.leased + this.buffers.oversizedStats.leased);
  }

  /** Appends this many messages at once; returns the global position of the last. */
  async append(stream: string, count = 1, namespace = defaultNamespace): Promise<number> {
    const { log } = await this.store.namespace(namespace);
    const outcome = await this.store.log(log).append(stream, newMessages(count), undefined);
    if (outcome.outcome !== 'appended') throw new Error(`the append ended in ${outcome.outcome}`);
    return outcome.globalPosition;
  }

  /** Replaces the namespace's log by an empty one; its followers notice with their next read. */
  async replaceLog(namespace = defaultNamespace): Promise<void> {
    const session = await this.store.beginReplacement(await this.store.namespace(namespace));
    await session.commit();
  }

  /** Subscribes like a request. By default to everything. */
  async subscribe(
    { namespace = defaultNamespace, lastEventId, ...parts }: Asked = {},
    sink = new FakeSink(),
  ): Promise<Listening> {
    const { log } = await this.store.namespace(namespace);
    this.#sinks.push(sink);
    const subscription = this.hub.subscribe({
      request: {
        log,
        selection: everything,
        position: 0,
        lastEventId: typeof lastEventId === 'number' ? { globalPosition: lastEventId, tag: undefined } : lastEventId,
        epoch: undefined,
        wishes: noWishes,
        ...parts,
      },
      socket: { sink, framing: 'chunked' },
      greeting: { head: this.responseHead, retryMs: 1_000 },
      released: () => this.released++,
    });
    // The subscription usually starts within these turns, unless the store delays its answers.
    for (let turn = 0; turn < turnsToBegin && subscription.state.name === 'starting'; turn++) await nextTurn();
    return { sink, subscription };
  }

  /** Checks for unannounced messages, like the hub's timer. */
  look(nowMs = performance.now()): void {
    this.hub.look(nowMs);
  }

  /** Resolves when everything has settled, with collected frames flushed: the rest waits for the test. */
  async settle(): Promise<void> {
    const enough = 5 + this.store.readTurns;
    let before = '';
    for (let quiet = 0; quiet < enough; ) {
      await nextTurn();
      // A busy hub may delay its flush.
      if (quiet === enough - 2) this.hub.batch.flush();
      const now = this.#fingerprint();
      quiet = now === before ? quiet + 1 : 0;
      before = now;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.failure = undefined;
    this.store.answerReads();
    for (const sink of this.#sinks) sink.destroy();
    await this.settle();
    this.hub.stop();
    await this.settle();
    if (this.leased > 0) throw new Error(`${this.leased} things were not given back to their pools`);
    if (this.hub.subscriptions.size > 0) throw new Error('a subscription outlived its socket');
    if (this.released !== this.opened.length) throw new Error('a subscription did not give back what it held');
    if (this.store.followers > 0) throw new Error('a log is followed although the hub has stopped');
    const overfull = this.#sinks.find(({ writesWhileFull }) => writesWhileFull > 0);
    if (overfull !== undefined) throw new Error('bytes were written to a socket that had not taken those before');
  }

  #fingerprint(): string {
    const { batch, catchUpStats, catchUpWaiting, subscriptions } = this.hub;
    const states = [...subscriptions].map(({ state, cursor }) => `${state.name}${cursor}`).join();
    const { reads, boundsReads, readsUnderWay, unannounced } = this.store;
    const bytes = this.#sinks.reduce((sum, sink) => sum + sink.bytesWritten + sink.writableLength, 0);
    const { pokes } = batch.stats;
    return [
      states,
      reads,
      boundsReads,
      readsUnderWay,
      unannounced,
      catchUpWaiting,
      catchUpStats.reads,
      pokes,
      bytes,
    ].join();
  }
}

/** A subscription and its socket. */
export type Listening = { readonly sink: FakeSink; readonly subscription: Subscription };
