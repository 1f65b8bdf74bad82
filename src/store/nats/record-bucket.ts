import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { nanosOf, type StreamInfo, type StreamState } from './log-stream.ts';
import { isConflict, isRefusal, JetStreamRefusal, storeFault } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';
import { commitBatch, expecting } from './write-batch.ts';

const writeMs = 5_000;
const retryMs = 50;

/** Identifies the attempt that wrote a record, so that an attempt without an answer can find out whether it succeeded. */
const tryHeader = 'Pw-Try';

/** A record with its key and revision. */
export type BucketRecord<T> = {
  readonly key: string;
  /** Sequence number of the write that created it. */
  readonly revision: number;
  readonly value: T;
};

/** A change of a record, which succeeds only if the record still has the revision; 0: there must be none. */
export type RecordChange = {
  readonly key: string;
  readonly revision: number;
  readonly value: unknown;
  /** Shows the record as deleted to NATS tools. Its value is kept. */
  readonly isDeleted?: boolean;
};

/** Options of a bucket. */
export type BucketOptions = { readonly name: string; readonly replicas: number; readonly maxAgeMs?: number };

type GotMessage = {
  readonly message: { readonly subject: string; readonly seq: number; readonly hdrs?: string; readonly data?: string };
};

/**
 * JSON records by key, each changed by compare-and-set. The bucket is a NATS key-value bucket, which `nats kv` can
 * list, but is used through JetStream directly: several records change together, and every read asks the leader.
 */
export class RecordBucket {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #start: string;
  readonly #options: BucketOptions;

  constructor(link: NatsLink, options: BucketOptions) {
    this.#link = link;
    this.#stream = `KV_${options.name}`;
    this.#start = `$KV.${options.name}.`;
    this.#options = options;
  }

  /** Creates the bucket unless it exists; rejects with JetStream's refusal. */
  async open(): Promise<void> {
    const { replicas, maxAgeMs = 0 } = this.#options;
    try {
      await this.#link.api(`STREAM.INFO.${this.#stream}`);
      return;
    } catch (error) {
      if (!isRefusal(error, 'streamNotFound')) throw error;
    }
    const body = {
      name: this.#stream,
      subjects: [`${this.#start}>`],
      storage: 'file',
      retention: 'limits',
      discard: 'new',
      max_msgs_per_subject: 1,
      max_age: nanosOf(maxAgeMs),
      num_replicas: replicas,
      allow_direct: true,
      allow_rollup_hdrs: true,
      allow_atomic: true,
    };
    await this.#link.api(`STREAM.CREATE.${this.#stream}`, body).catch((error: unknown) => {
      // Another node created it at the same time.
      if (!isRefusal(error, 'streamNameInUse')) throw error;
    });
  }

  /** Rejects while records cannot change. Reads a record, because an isolated server still reports the stream's state. */
  async check(): Promise<void> {
    await this.get('check');
  }

  async state(): Promise<StreamState> {
    return (await this.#info()).state;
  }

  /** Keys that match a pattern, in no order. */
  async keys(pattern: string): Promise<string[]> {
    const keys: string[] = [];
    for (;;) {
      const { state, total = 0 } = await this.#info({ filter: `${this.#start}${pattern}`, offset: keys.length });
      const subjects = Object.keys(state.subjects ?? {});
      for (const subject of subjects) keys.push(subject.slice(this.#start.length));
      if (subjects.length === 0 || keys.length >= total) return keys;
    }
  }

  /** The record of a key, or the last one that matches a pattern; undefined: there is none. */
  get<T>(key: string): Promise<BucketRecord<T> | undefined> {
    return this.#find({ last_by_subj: `${this.#start}${key}` });
  }

  /** The first record after a revision that matches a pattern. */
  next<T>(pattern: string, revision: number): Promise<BucketRecord<T> | undefined> {
    return this.#find({ seq: revision + 1, next_by_subj: `${this.#start}${pattern}` });
  }

  /** Makes all of these changes, or none and returns false if a record has another revision. Waits some seconds for a leader. */
  async change(changes: readonly RecordChange[]): Promise<boolean> {
    const attempt = randomUUID();
    const members = changes.map(({ key, revision, value, isDeleted = false }) => ({
      subject: `${this.#start}${key}`,
      headers: { ...expecting(revision), [tryHeader]: attempt, ...(isDeleted ? { 'KV-Operation': 'DEL' } : {}) },
      payload: JSON.stringify(value),
    }));
    const [first] = members;
    const deadline = performance.now() + writeMs;
    for (;;) {
      try {
        if (members.length > 1) await commitBatch(this.#link, members, writeMs);
        else await this.#link.write(first!.subject, first!.payload, first!.headers, writeMs);
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        // Nothing was stored: the bucket is electing a leader, or this server does not know a new bucket's leader yet.
        const mayRetry = this.#link.hasNoResponders(error) && performance.now() < deadline;
        if (!mayRetry) {
          if (!(error instanceof JetStreamRefusal) && (await this.#wasStored(first!.subject, attempt))) return true;
          throw storeFault(error);
        }
      }
      await delay(retryMs);
    }
  }

  /** Deletes the message of a write permanently. */
  async purge(revision: number): Promise<void> {
    await this.#ask(() => this.#link.api(`STREAM.MSG.DELETE.${this.#stream}`, { seq: revision, no_erase: true }));
  }

  async #wasStored(subject: string, attempt: string): Promise<boolean> {
    try {
      const { message } = await this.#link.api<GotMessage>(`STREAM.MSG.GET.${this.#stream}`, { last_by_subj: subject });
      return this.#link.decodeHeaders(message.hdrs).get(tryHeader) === attempt;
    } catch {
      return false;
    }
  }

  #find<T>(which: Readonly<Record<string, unknown>>): Promise<BucketRecord<T> | undefined> {
    return this.#ask(async () => {
      try {
        const { message } = await this.#link.api<GotMessage>(`STREAM.MSG.GET.${this.#stream}`, which);
        const { subject, seq, data = '' } = message;
        const value = JSON.parse(Buffer.from(data, 'base64').toString()) as T;
        return { key: subject.slice(this.#start.length), revision: seq, value };
      } catch (error) {
        if (isRefusal(error, 'messageNotFound')) return undefined;
        throw error;
      }
    });
  }

  #info(subjects?: { readonly filter: string; readonly offset: number }): Promise<StreamInfo> {
    const body = subjects && { subjects_filter: subjects.filter, offset: subjects.offset };
    return this.#ask(() => this.#link.api<StreamInfo>(`STREAM.INFO.${this.#stream}`, body));
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw storeFault(error);
    }
  }
}

/** Encodes any text as a key of letters, digits, hyphens and underscores; `=` with two digits escapes any other byte. */
export function encodeKey(text: string): string {
  if (text === '') return '=';
  const escaped = (sign: string) => Buffer.from(sign).toString('hex').replace(/../g, '=$&');
  return text.replace(/[^A-Za-z0-9_-]/gu, escaped);
}

/** The text of a key. */
export function decodeKey(key: string): string {
  return key === '=' ? '' : decodeURIComponent(key.replaceAll('=', '%'));
}
