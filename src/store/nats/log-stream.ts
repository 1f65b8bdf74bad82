import type { LogId } from '../log-id.ts';
import { logGone } from '../shared/log-gone.ts';
import { createStream } from './create-stream.ts';
import { findMessage } from './find-message.ts';
import { isRefusal, storeFault } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';
import type { NatsUrl } from './nats-url.ts';
import { positionOf, type Stored } from './stored-message.ts';
import { LogNames } from './subjects.ts';

/** The state of a stream, as JetStream reports it. */
export type StreamState = {
  readonly messages: number;
  readonly bytes: number;
  /** Sequence number of the first remaining message, or of the next message if there is none. */
  readonly first_seq: number;
  readonly last_seq: number;
  readonly first_ts: string;
  readonly last_ts: string;
  readonly num_subjects?: number;
  readonly subjects?: Readonly<Record<string, number>> | null;
};

/** The configuration of a stream, as JetStream reports it. */
export type StreamConfig = Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly num_replicas: number;
  readonly subjects?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly first_seq?: number;
  /** The stream is sealed: nothing can be appended or removed any more. */
  readonly sealed?: boolean;
};

/** JetStream's answer to a request for a stream's info. */
export type StreamInfo = {
  readonly config: StreamConfig;
  /** When the stream was created, RFC 3339. */
  readonly created: string;
  readonly state: StreamState;
  /** Number of subjects, if requested. */
  readonly total?: number;
};

/** Key of a stream's metadata that names its log. */
const epochKey = 'pokewire.epoch';

/** Location of a message: its sequence number in the log, and its position in its stream. */
export type Spot = { readonly seq: number; readonly position: number };

/** Location before the first message of a stream. */
export const noSpot: Spot = { seq: 0, position: -1 };

/** The JetStream stream of one log. Its leader answers every request here, so reads see every acknowledged write. */
export class LogStream {
  readonly id: LogId;
  readonly names: LogNames;
  readonly link: NatsLink;

  readonly #lost: (log: LogId) => void;

  /** Calls `lost` whenever a request finds that the stream does not exist. */
  constructor(link: NatsLink, prefix: string, id: LogId, lost: (log: LogId) => void) {
    this.link = link;
    this.#lost = lost;
    this.id = id;
    this.names = new LogNames(prefix, id);
  }

  /** Creates the stream. Its first message gets the sequence number `first`. */
  async create(url: NatsUrl, replicas: number, first: number): Promise<void> {
    const { windowMs, maxAgeMs, maxMessages, maxBytes } = url;
    const keepsAll = maxAgeMs === 0 && maxMessages === 0 && maxBytes === 0;
    const body = {
      name: this.names.stream,
      subjects: [this.names.everything],
      storage: 'file',
      retention: 'limits',
      discard: keepsAll ? 'new' : 'old',
      num_replicas: replicas,
      allow_direct: true,
      allow_atomic: true,
      duplicate_window: nanosOf(maxAgeMs === 0 ? windowMs : Math.min(windowMs, maxAgeMs)),
      max_age: nanosOf(maxAgeMs),
      max_msgs: maxMessages || -1,
      max_bytes: maxBytes || -1,
      first_seq: first,
      metadata: { [epochKey]: this.id },
    };
    await createStream(this.link, this.names.stream, body);
  }

  /** Seals the stream against appends and resolves to its final state; undefined: it does not exist. */
  async seal(): Promise<StreamState | undefined> {
    try {
      const { config } = await this.link.api<StreamInfo>(`STREAM.INFO.${this.names.stream}`);
      await this.link.api(`STREAM.UPDATE.${this.names.stream}`, { ...config, sealed: true });
      return (await this.link.api<StreamInfo>(`STREAM.INFO.${this.names.stream}`)).state;
    } catch (error) {
      if (isRefusal(error, 'streamNotFound')) return undefined;
      throw error;
    }
  }

  /** Configuration and state of the stream; undefined: it does not exist, which is not reported as a loss. */
  async look(): Promise<StreamInfo | undefined> {
    try {
      return await this.link.api<StreamInfo>(`STREAM.INFO.${this.names.stream}`);
    } catch (error) {
      if (isRefusal(error, 'streamNotFound')) return undefined;
      throw error;
    }
  }

  /** Deletes the stream and all its messages, if it exists. */
  async delete(): Promise<void> {
    await this.link.api(`STREAM.DELETE.${this.names.stream}`).catch((error: unknown) => {
      if (!isRefusal(error, 'streamNotFound')) throw error;
    });
  }

  /** Configuration and state of the stream, with the subjects that match a filter, starting at `offset`. */
  info(subjects?: { readonly filter: string; readonly offset: number }): Promise<StreamInfo> {
    const body = subjects && { subjects_filter: subjects.filter, offset: subjects.offset };
    return this.ask(() => this.link.api<StreamInfo>(`STREAM.INFO.${this.names.stream}`, body));
  }

  /** The last message of a subject or pattern. */
  lastOf(subject: string): Promise<Stored | undefined> {
    return this.#find({ last_by_subj: subject });
  }

  /** The first message of a subject or pattern at or after a sequence number. */
  nextOf(subject: string, seq: number): Promise<Stored | undefined> {
    return this.#find({ seq: Math.max(1, seq), next_by_subj: subject });
  }

  /** The message with a sequence number. */
  at(seq: number): Promise<Stored | undefined> {
    return this.#find({ seq });
  }

  /** Location of a stream's last message. */
  async lastSpot(stream: string): Promise<Spot> {
    const last = await this.lastOf(this.names.subject(stream));
    return last === undefined ? noSpot : { seq: last.seq, position: positionOf(last.headers) };
  }

  /** Runs a request about the stream; rejects with `LOG_GONE` if the stream does not exist, otherwise with `BACKEND_ERROR`. */
  async ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (!isRefusal(error, 'streamNotFound')) throw storeFault(error);
      this.#lost(this.id);
      throw logGone();
    }
  }

  #find(which: Readonly<Record<string, unknown>>): Promise<Stored | undefined> {
    return this.ask(() => findMessage(this.link, this.names.stream, which));
  }
}

/**
 * The log that a stream was created for; undefined: another program created it, perhaps with the same subject prefix.
 */
export function logOf(prefix: string, { name, subjects = [], metadata = {} }: StreamConfig): LogId | undefined {
  const log = metadata[epochKey] as LogId | undefined;
  if (log === undefined) return undefined;
  const names = new LogNames(prefix, log);
  return name === names.stream && subjects.length === 1 && subjects[0] === names.everything ? log : undefined;
}

export function nanosOf(ms: number): number {
  return ms * 1_000_000;
}
