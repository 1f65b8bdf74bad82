import type { LogId } from '../log-id.ts';
import { LogStream, logOf, type StreamInfo } from './log-stream.ts';
import { storeFault } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';
import type { NatsUrl } from './nats-url.ts';

/** A log, and the state of its stream when it was listed. */
export type ListedLog = { readonly log: LogId; readonly info: StreamInfo };

type StreamPage = { readonly total: number; readonly streams: readonly StreamInfo[] | null };

/** The JetStream streams of all logs of a store. */
export class LogStreams {
  readonly #link: NatsLink;
  readonly #url: NatsUrl;
  readonly #replicas: number;
  readonly #lost: (log: LogId) => void;

  /** Calls `lost` whenever a request finds that the stream of a log does not exist. */
  constructor(link: NatsLink, url: NatsUrl, replicas: number, lost: (log: LogId) => void) {
    this.#link = link;
    this.#url = url;
    this.#replicas = replicas;
    this.#lost = lost;
  }

  stream(log: LogId): LogStream {
    return new LogStream(this.#link, this.#url.prefix, log, this.#lost);
  }

  /** Creates the stream of a log. Its first message gets the sequence number `first`. */
  async create(log: LogId, first: number): Promise<void> {
    try {
      await this.stream(log).create(this.#url, this.#replicas, first);
    } catch (error) {
      throw storeFault(error);
    }
  }

  /** The streams of all logs, with their states. Without streams of other programs that have subjects with the same prefix. */
  async all(): Promise<ListedLog[]> {
    const { prefix } = this.#url;
    const found: ListedLog[] = [];
    try {
      for (let offset = 0; ; ) {
        const body = { subject: `${prefix}.>`, offset };
        const { streams, total } = await this.#link.api<StreamPage>('STREAM.LIST', body);
        for (const info of streams ?? []) {
          const log = logOf(prefix, info.config);
          if (log !== undefined) found.push({ log, info });
        }
        offset += streams?.length ?? 0;
        if (streams === null || streams.length === 0 || offset >= total) return found;
      }
    } catch (error) {
      throw storeFault(error);
    }
  }
}
