import type { Metrics } from '../../telemetry/metrics.ts';
import type { BackupOutcome } from '../backup.ts';
import { refuseUnsupported } from '../capabilities.ts';
import type { Announced, ImportSession, Log } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { StoreOptions, StoreReporter } from '../open-store.ts';
import type { Forgotten } from '../retention.ts';
import { isLogGone } from '../shared/log-gone.ts';
import type { LogSummary, Store, StoreOpening, StoreUsage } from '../store.ts';
import { AppendTimes } from './append-times.ts';
import { Appender } from './appender.ts';
import { BucketWitness } from './bucket-witness.ts';
import { ChangeNews } from './change-news.ts';
import { LogFollower } from './log-follower.ts';
import type { LogStream, StreamState } from './log-stream.ts';
import { LogStreams } from './log-streams.ts';
import { natsCapabilities } from './nats-capabilities.ts';
import { NatsGroups } from './nats-groups.ts';
import { loadNats, NatsLink } from './nats-link.ts';
import { type LogParts, NatsLog } from './nats-log.ts';
import { measureNats } from './nats-metrics.ts';
import { NatsNamespaces } from './nats-namespaces.ts';
import { NatsTickets, ticketBucketAgeMs } from './nats-tickets.ts';
import { type NatsUrl, parseNatsUrl } from './nats-url.ts';
import { PokeReader } from './poke-reader.ts';
import { type BucketOptions, RecordBucket } from './record-bucket.ts';
import { checkServer, explainConnecting, explainOpening, replicasFor } from './server-check.ts';

/** Logs whose counts are requested concurrently. */
const atOnce = 32;

/** Maximum number of missing logs remembered. */
const maxLost = 1_000;

/** Maximum number of streams that a log line names. */
const maxNamed = 10;

type Opened = {
  readonly link: NatsLink;
  readonly url: NatsUrl;
  readonly replicas: number;
  readonly records: RecordBucket;
  readonly options: StoreOptions;
};

/** Stores each log in a stream of NATS JetStream, and namespaces, tickets and groups in buckets. Nodes may share it. */
export class NatsStore implements Store {
  readonly kind = 'nats';
  readonly capabilities = natsCapabilities;
  readonly namespaces: NatsNamespaces;
  readonly tickets: NatsTickets;
  readonly groups: NatsGroups;
  readonly opening: StoreOpening;
  /** Never settles, because the client reconnects automatically. */
  readonly failed = new Promise<never>(() => {});
  readonly #link: NatsLink;
  readonly #records: RecordBucket;
  readonly #streams: LogStreams;
  readonly #news: readonly ChangeNews[];
  readonly #reader: PokeReader;
  readonly #appender: Appender;
  readonly #followers = new Map<LogId, LogFollower>();
  readonly #parts: LogParts;
  readonly #log: StoreReporter | undefined;
  /** Missing logs that were already handled. */
  readonly #lost = new Set<LogId>();
  #restarts = 0;

  private constructor({ link, url, replicas, records, options }: Opened) {
    const { pokes, maxNamespaces } = options;
    const times = new AppendTimes();
    this.#link = link;
    this.#records = records;
    this.#streams = new LogStreams(link, url, replicas, (log) => this.#replaceLost(log));
    this.#log = options.log;
    this.#reader = new PokeReader(pokes);
    this.#appender = new Appender(replicas);
    const [hints, groupHints] = [
      new ChangeNews(link, url.prefix, 'namespaces'),
      new ChangeNews(link, url.prefix, 'groups'),
    ];
    this.#news = [hints, groupHints];
    const bucketOf = (kind: string, more: Partial<BucketOptions>) =>
      new RecordBucket(link, { name: `${url.prefix}-${kind}`, replicas, ...more });
    const witness = new BucketWitness(records, 'groups', () => this.#warnOfLostGroups(url));
    const opened = (created: string) => witness.compare(created);
    this.groups = new NatsGroups(bucketOf('groups', { canExpire: true, opened }), groupHints);
    this.namespaces = new NatsNamespaces({
      store: this,
      bucket: records,
      logs: this.#streams,
      groups: this.groups,
      maxNamespaces,
      hints,
    });
    this.tickets = new NatsTickets(bucketOf('tickets', { maxAgeMs: ticketBucketAgeMs }));
    this.opening = openingOf(url, replicas);
    this.#parts = {
      store: this,
      appender: this.#appender,
      reader: this.#reader,
      times,
      isFollowed: (log) => this.#followers.has(log),
      follow: (log, announced) => this.#follow(log, announced, () => new LogFollower(log, pokes, times, options.log)),
    };
  }

  /** Connects, and creates missing buckets. Throws {@link ConfigError} with the remedy if NATS cannot be used. */
  static async open(text: string, options: StoreOptions): Promise<NatsStore> {
    const url = parseNatsUrl(text);
    const nats = await loadNats();
    const link = await NatsLink.open(nats, url).catch((error: unknown) => explainConnecting(error, nats, url));
    try {
      checkServer(link, url);
      const replicas = replicasFor(link, url);
      const records = new RecordBucket(link, { name: url.prefix, replicas });
      await records.open().catch((error: unknown) => explainOpening(error, url, replicas));
      const store = new NatsStore({ link, url, replicas, records, options });
      await store.namespaces.finishRemovals();
      void store.#deleteLeftStreams();
      return store;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  log(id: LogId): Log {
    return new NatsLog(this.#parts, this.#streams.stream(id));
  }

  async beginReplacement(): Promise<ImportSession> {
    return refuseUnsupported(this, 'replacements');
  }

  async backup(): Promise<BackupOutcome> {
    return refuseUnsupported(this, 'backups');
  }

  async summarize(logs: readonly LogId[]): Promise<ReadonlyMap<LogId, LogSummary>> {
    const summaries = new Map<LogId, LogSummary>();
    for (let at = 0; at < logs.length; at += atOnce) {
      const part = logs.slice(at, at + atOnce);
      const found = await Promise.all(part.map((log) => this.#summaryOf(log)));
      for (const [index, summary] of found.entries()) if (summary !== undefined) summaries.set(part[index]!, summary);
    }
    return summaries;
  }

  async forget(): Promise<Forgotten> {
    return refuseUnsupported(this, 'retention');
  }

  async check(): Promise<void> {
    await this.#records.check();
  }

  async usage(): Promise<StoreUsage> {
    let [messages, streams, bytes] = [0, 0, 0];
    let oldestMs: number | undefined;
    for (const { info } of await this.#streams.all()) {
      const { state } = info;
      messages += state.messages;
      streams += state.num_subjects ?? 0;
      bytes += state.bytes;
      const firstMs = state.messages === 0 ? undefined : Date.parse(state.first_ts);
      if (firstMs !== undefined && (oldestMs === undefined || firstMs < oldestMs)) oldestMs = firstMs;
    }
    return { messages, streams, bytes, maxBytes: 0, forgotten: { messages: 0, bytes: 0 }, oldestMs };
  }

  measure(metrics: Metrics): void {
    measureNats(metrics, {
      link: this.#link,
      appender: this.#appender,
      reader: this.#reader,
      followed: () => this.#followers.size,
      restarts: () => [...this.#followers.values()].reduce((sum, { restarts }) => sum + restarts, this.#restarts),
    });
  }

  async close(): Promise<void> {
    for (const follower of this.#followers.values()) follower.stop();
    this.#followers.clear();
    this.#reader.close();
    for (const news of this.#news) news.stop();
    await this.#link.close();
  }

  /** Follows a log through the node's only consumer of it, which exists while it has followers. */
  #follow(log: LogStream, announced: Announced, begin: () => LogFollower): () => void {
    let follower = this.#followers.get(log.id);
    if (follower === undefined) {
      follower = begin();
      this.#followers.set(log.id, follower);
    }
    const shared = follower;
    const remove = shared.add(announced);
    return () => {
      remove();
      if (shared.followerCount > 0 || this.#followers.get(log.id) !== shared) return;
      this.#followers.delete(log.id);
      this.#restarts += shared.restarts;
      shared.stop();
    };
  }

  /** Replaces a missing log, unless it belonged to a removed namespace. Each missing log is handled once. */
  #replaceLost(log: LogId): void {
    if (this.#lost.has(log)) return;
    if (this.#lost.size === maxLost) this.#lost.clear();
    this.#lost.add(log);
    this.namespaces.replaceLost(log).then(
      (isReplaced) => {
        if (isReplaced)
          this.#log?.warn({ log }, 'the JetStream stream of a log was deleted: its namespace now has an empty log');
      },
      // The next request for it tries again.
      () => this.#lost.delete(log),
    );
  }

  #warnOfLostGroups({ prefix }: NatsUrl): void {
    const text =
      'the bucket of consumer groups was deleted: checkpoints are lost, and new groups start with generation 1';
    this.#log?.warn({ bucket: `${prefix}-groups` }, text);
  }

  /**
   * Runs concurrently with the start, which must not wait for a cluster that lists its streams slowly. If it fails, the
   * next start repeats it.
   */
  async #deleteLeftStreams(): Promise<void> {
    try {
      const { deleted, kept } = await this.namespaces.deleteLeftStreams();
      if (deleted > 0) this.#log?.info({ deleted }, 'deleted JetStream streams that a node left when it died');
      if (kept.length > 0) {
        const streams = kept.slice(0, maxNamed);
        this.#log?.warn({ count: kept.length, streams }, 'JetStream streams with messages belong to no namespace');
      }
    } catch (error) {
      if (!this.#link.connection.isClosed()) this.#log?.info({ err: error }, 'JetStream streams could not be listed');
    }
  }

  async #summaryOf(log: LogId): Promise<LogSummary | undefined> {
    try {
      const { state } = await this.#streams.stream(log).info();
      return { messages: state.messages, streams: state.num_subjects ?? 0, lastActivityMs: lastMs(state) };
    } catch (error) {
      if (isLogGone(error)) return undefined;
      throw error;
    }
  }
}

/** Time of the last message ever stored; the server reports the year 1 if there is none. */
function lastMs({ last_ts }: StreamState): number | undefined {
  const ms = Date.parse(last_ts);
  return ms > 0 ? ms : undefined;
}

function openingOf({ place, prefix }: NatsUrl, replicas: number): StoreOpening {
  const copies = replicas === 1 ? 'one copy' : `${replicas} copies`;
  return {
    summary: `Messages are in JetStream of NATS at ${place}, in streams ${prefix}-…. New streams get ${copies}.`,
    warning:
      replicas === 1
        ? 'Logs with one copy are lost with their server: use three servers and ?replicas=3 to keep them.'
        : undefined,
  };
}
