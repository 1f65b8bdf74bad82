import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { Histogram } from './histogram.ts';

/** Numbers that the scrape reads where they are counted. Labels have few values; none is a name that a writer chose. */
export type MetricSources = {
  readonly messagesAppended: () => number;
  /** Appends by outcome. */
  readonly appends: () => Iterable<readonly [outcome: string, count: number]>;
  readonly pokesSent: () => { readonly live: number; readonly catchUp: number };
  readonly bytesSent: () => { readonly live: number; readonly catchUp: number };
  readonly framesEncoded: () => number;
  readonly laggingEpisodes: () => number;
  readonly catchUpReads: () => number;
  readonly catchUpWaiting: () => number;
  readonly subscriptions: () => Iterable<{ readonly kind: string; readonly state: string; readonly count: number }>;
  /** Every kind of selection and reason to close, so that their series are there before the first event. */
  readonly selectionKinds: readonly string[];
  readonly closeReasons: readonly string[];
  readonly maxSubscriptions: number;
  /** Everything the process can be short of, and what it is short of now. */
  readonly overloadReasons: readonly string[];
  readonly overloaded: () => readonly string[];
  /** Share of the memory in use, 0 to 1. */
  readonly memoryRatio: () => number;
  readonly version: string;
  readonly pools: () => Iterable<PoolReading>;
  /** Sizes of the store; undefined: it did not tell, and has no series in this scrape. */
  readonly store: () => Promise<StoreReading | undefined>;
  readonly storeFull: () => Promise<boolean>;
  readonly ready: () => Promise<boolean>;
};

/** The store as the scrape sees it. */
export type StoreReading = {
  readonly messages: number;
  readonly streams: number;
  readonly bytes: number;
  readonly maxBytes: number;
};

/** One pool as the scrape sees it. */
export type PoolReading = {
  readonly pool: string;
  readonly size: number;
  readonly stats: {
    readonly acquired: number;
    readonly reused: number;
    readonly released: number;
    readonly dropped: number;
    readonly leased: number;
    readonly resized: number;
  };
};

const delayBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const httpBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const lifetimeBuckets = [1, 10, 60, 300, 1_800, 3_600, 14_400, 86_400];

/** Every metric of the process: its name, help, labels and buckets. `docs/metrics.md` lists the same, kept equal by a test. */
export class Metrics {
  readonly registry = new Registry();

  readonly pokeDelay = new Histogram({
    name: 'pokewire_poke_delay_seconds',
    help: 'From append to the write of its frames to live subscriptions, once a message.',
    buckets: delayBuckets,
    registry: this.registry,
  }).series({});

  readonly httpDuration = new Histogram({
    name: 'pokewire_http_request_duration_seconds',
    help: 'Requests other than event streams, from the head received to the last byte sent.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: httpBuckets,
    registry: this.registry,
  });

  readonly subscriptionDuration = new Histogram({
    name: 'pokewire_subscription_duration_seconds',
    help: 'Lifetime of event streams, observed at their end.',
    labelNames: ['kind'] as const,
    buckets: lifetimeBuckets,
    registry: this.registry,
  });

  readonly subscriptionsOpened = new Counter({
    name: 'pokewire_subscriptions_opened_total',
    help: 'Subscriptions opened, by kind of selection.',
    labelNames: ['kind'] as const,
    registers: [this.registry],
  });

  readonly subscriptionsClosed = new Counter({
    name: 'pokewire_subscriptions_closed_total',
    help: 'Subscriptions closed, by reason.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });

  readonly subscriptionsRefused = new Counter({
    name: 'pokewire_subscriptions_refused_total',
    help: 'Subscriptions refused, by why: a configured number was open, or the server was overloaded.',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });

  readonly catchUpFailures = new Counter({
    name: 'pokewire_catch_up_failures_total',
    help: 'Reads of the log for a subscription that failed and ended it.',
    registers: [this.registry],
  });

  /** Adds what is read at the scrape. */
  bind(sources: MetricSources): void {
    const { registry } = this;
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    // A series that begins at 1 hides its first event from `increase()`.
    for (const kind of sources.selectionKinds) {
      this.subscriptionsOpened.inc({ kind }, 0);
      this.subscriptionDuration.series({ kind });
    }
    for (const reason of sources.closeReasons) this.subscriptionsClosed.inc({ reason }, 0);
    for (const reason of ['no-place', 'overloaded']) this.subscriptionsRefused.inc({ reason }, 0);
    new Gauge({
      name: 'pokewire_build_info',
      help: 'Always 1; the label tells the version.',
      labelNames: ['version'],
      registers,
    }).set({ version: sources.version }, 1);
    this.#gauge('pokewire_subscriptions_max', 'Open subscriptions at most.', () => sources.maxSubscriptions);
    this.#counter('pokewire_messages_appended_total', 'Messages appended by this process.', sources.messagesAppended);
    this.#counter(
      'pokewire_frames_encoded_total',
      'Pokes encoded for live subscriptions, once each.',
      sources.framesEncoded,
    );
    this.#counter('pokewire_lagging_episodes_total', 'Times a live socket was full.', sources.laggingEpisodes);
    this.#counter(
      'pokewire_catch_up_reads_total',
      'Pages read from the store for subscriptions.',
      sources.catchUpReads,
    );
    this.#counter(
      'pokewire_process_allocated_bytes_total',
      'Bytes allocated on the JavaScript heap since the start.',
      () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes ?? 0,
    );
    this.#gauge('pokewire_catch_up_waiting', 'Subscriptions that wait for their next page.', sources.catchUpWaiting);
    this.#gauge('pokewire_ready', '1 when /ready answers 200, else 0.', async () => Number(await sources.ready()));
    this.#gauge(
      'pokewire_memory_used_ratio',
      'Share of the memory in use: of the heap, or of what the process may have.',
      sources.memoryRatio,
    );
    new Gauge({
      name: 'pokewire_overloaded',
      help: '1 while the server is short of this and takes on no more, else 0.',
      labelNames: ['reason'],
      registers,
      collect() {
        const reasons = sources.overloaded();
        for (const reason of sources.overloadReasons) this.set({ reason }, Number(reasons.includes(reason)));
      },
    });
    this.#byKind('pokewire_pokes_sent_total', 'Pokes handed to sockets, by how they came about.', sources.pokesSent);
    this.#byKind('pokewire_sent_bytes_total', 'Bytes of frames handed to sockets.', sources.bytesSent);
    new Counter({
      name: 'pokewire_appends_total',
      help: 'Appends by outcome.',
      labelNames: ['outcome'],
      registers,
      collect() {
        this.reset();
        for (const [outcome, count] of sources.appends()) this.inc({ outcome }, count);
      },
    });
    new Gauge({
      name: 'pokewire_subscriptions',
      help: 'Open subscriptions, by kind of selection and state.',
      labelNames: ['kind', 'state'],
      registers,
      collect() {
        this.reset();
        for (const { kind, state, count } of sources.subscriptions()) this.set({ kind, state }, count);
      },
    });
    this.#bindStore(sources);
    this.#bindPools(sources);
  }

  #bindStore({ store, storeFull }: MetricSources): void {
    // The gauges of one scrape share one answer of the store.
    let asked: ReturnType<typeof store> | undefined;
    const usage = () => {
      asked ??= store().finally(() => {
        asked = undefined;
      });
      return asked;
    };
    this.#gauge('pokewire_store_messages', 'Messages in the store.', async () => (await usage())?.messages);
    this.#gauge('pokewire_store_streams', 'Streams in the store.', async () => (await usage())?.streams);
    this.#gauge('pokewire_store_bytes', 'Bytes counted against the limit.', async () => (await usage())?.bytes);
    this.#gauge('pokewire_store_max_bytes', 'Byte limit of the store. 0: none.', async () => (await usage())?.maxBytes);
    this.#gauge('pokewire_store_full', '1 while the store has no room for appends, else 0.', async () =>
      Number(await storeFull()),
    );
  }

  #bindPools({ pools }: MetricSources): void {
    const registers = [this.registry];
    new Counter({
      name: 'pokewire_pool_acquires_total',
      help: 'Things lent by a pool: hit, it was kept; miss, it was made.',
      labelNames: ['pool', 'result'],
      registers,
      collect() {
        this.reset();
        for (const { pool, stats } of pools()) {
          this.inc({ pool, result: 'hit' }, stats.reused);
          this.inc({ pool, result: 'miss' }, stats.acquired - stats.reused);
        }
      },
    });
    const counter = (name: string, help: string, read: (reading: PoolReading) => number) =>
      new Counter({
        name,
        help,
        labelNames: ['pool'],
        registers,
        collect() {
          this.reset();
          for (const reading of pools()) this.inc({ pool: reading.pool }, read(reading));
        },
      });
    const gauge = (name: string, help: string, read: (reading: PoolReading) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ['pool'],
        registers,
        collect() {
          for (const reading of pools()) this.set({ pool: reading.pool }, read(reading));
        },
      });
    counter('pokewire_pool_releases_total', 'Things given back and kept.', ({ stats }) => stats.released);
    counter('pokewire_pool_drops_total', 'Things given back and not kept.', ({ stats }) => stats.dropped);
    counter('pokewire_pool_resizes_total', 'Times the pool grew or shrank.', ({ stats }) => stats.resized);
    gauge('pokewire_pool_size', 'Idle things the pool may keep now.', ({ size }) => size);
    gauge('pokewire_pool_leased', 'Things out of the pool now.', ({ stats }) => stats.leased);
  }

  #counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  #gauge(name: string, help: string, read: () => number | Promise<number | undefined>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        const value = await read();
        if (value === undefined) this.remove({});
        else this.set(value);
      },
    });
  }

  #byKind(name: string, help: string, read: () => { readonly live: number; readonly catchUp: number }): void {
    new Counter({
      name,
      help,
      labelNames: ['kind'],
      registers: [this.registry],
      collect() {
        const { live, catchUp } = read();
        this.reset();
        this.inc({ kind: 'live' }, live);
        this.inc({ kind: 'catch-up' }, catchUp);
      },
    });
  }
}
