import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createStream } from './create-stream.ts';
import { findMessage } from './find-message.ts';
import { nanosOf, type StreamInfo, type StreamState } from './log-stream.ts';
import { isConflict, isRefusal, JetStreamRefusal, storeFault } from './nats-faults.ts';
import type { HeaderValues, NatsLink } from './nats-link.ts';
import type { Stored } from './stored-message.ts';
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

/** A message of a change. */
export type BucketWrite = {
  readonly key: string;
  /** Revision of the record that it replaces; 0 if it must not exist yet; undefined for any. */
  readonly revision: number | undefined;
  readonly text: string;
  readonly headers?: HeaderValues;
};

/** Options of a bucket. */
export type BucketOptions = {
  readonly name: string;
  readonly replicas: number;
  readonly maxAgeMs?: number;
  /** Whether a record may have a time to live. */
  readonly canExpire?: boolean;
  /** Called with the time when the bucket was created, before it is ready. */
  readonly opened?: (created: string) => Promise<void>;
};

/**
 * JSON records by key, each changed by compare-and-set. The bucket is a NATS key-value bucket, which `nats kv` can
 * list, but is used through JetStream directly: several records change together, and every read asks the leader.
 */
export class RecordBucket {
  readonly link: NatsLink;
  readonly names: { readonly stream: string };
  readonly #start: string;
  readonly #options: BucketOptions;
  #opening: Promise<void> | undefined = undefined;

  constructor(link: NatsLink, options: BucketOptions) {
    this.link = link;
    this.names = { stream: `KV_${options.name}` };
    this.#start = `$KV.${options.name}.`;
    this.#options = options;
  }

  /** Opens the bucket on the first call. */
  async ready(): Promise<this> {
    if (this.#opening === undefined) {
      this.#opening = this.#open();
      this.#opening.catch(() => {
        this.#opening = undefined;
      });
    }
    await this.#opening;
    return this;
  }

  /** Creates the bucket unless it exists; rejects with JetStream's refusal. */
  async open(): Promise<void> {
    const { replicas, maxAgeMs = 0, canExpire = false } = this.#options;
    try {
      await this.link.api(`STREAM.INFO.${this.names.stream}`);
      return;
    } catch (error) {
      if (!isRefusal(error, 'streamNotFound')) throw error;
    }
    const body = {
      name: this.names.stream,
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
      allow_msg_ttl: canExpire,
    };
    await createStream(this.link, this.names.stream, body).catch((error: unknown) => {
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

  /** The record of a key, or the last one that matches a pattern; undefined if there is none. */
  async get<T>(key: string): Promise<BucketRecord<T> | undefined> {
    return this.#recordOf(await this.lastOf(this.subject(key)));
  }

  /** The first record after a revision that matches a pattern. */
  async next<T>(pattern: string, revision: number): Promise<BucketRecord<T> | undefined> {
    return this.#recordOf(await this.#find({ seq: revision + 1, next_by_subj: this.subject(pattern) }));
  }

  /** The subject of a key or pattern. */
  subject(key: string): string {
    return this.#start + key;
  }

  keyOf(subject: string): string {
    return subject.slice(this.#start.length);
  }

  /** The last message of a subject or pattern. */
  lastOf(subject: string): Promise<Stored | undefined> {
    return this.#find({ last_by_subj: subject });
  }

  /** Makes all of these changes, or none and returns false if a record has another revision. Waits some seconds for a leader. */
  async change(changes: readonly RecordChange[]): Promise<boolean> {
    const writes = changes.map(({ key, revision, value, isDeleted = false }) => ({
      key,
      revision,
      text: JSON.stringify(value),
      headers: isDeleted ? { 'KV-Operation': 'DEL' } : {},
    }));
    return (await this.write(writes)) !== undefined;
  }

  /** Like {@link change}; resolves to the sequence number of the first message, or to undefined if a record has another revision. */
  async write(writes: readonly BucketWrite[]): Promise<number | undefined> {
    const attempt = randomUUID();
    const members = writes.map(({ key, revision, text, headers }) => ({
      subject: this.subject(key),
      headers: { ...(revision === undefined ? {} : expecting(revision)), [tryHeader]: attempt, ...headers },
      payload: text,
    }));
    const [first] = members;
    const deadline = performance.now() + writeMs;
    for (;;) {
      try {
        const written =
          members.length > 1
            ? await commitBatch(this.link, members, writeMs)
            : await this.link.write(first!.subject, first!.payload, first!.headers, writeMs);
        return written.seq - members.length + 1;
      } catch (error) {
        if (isConflict(error)) return undefined;
        // Nothing was stored: the bucket is electing a leader, or this server does not know a new bucket's leader yet.
        const mayRetry = this.link.hasNoResponders(error) && performance.now() < deadline;
        if (!mayRetry) {
          const stored = error instanceof JetStreamRefusal ? undefined : await this.#storedAs(first!.subject, attempt);
          if (stored !== undefined) return stored;
          throw storeFault(error);
        }
      }
      await delay(retryMs);
    }
  }

  /** Deletes the message of a write permanently. */
  async purge(revision: number): Promise<void> {
    await this.ask(() => this.link.api(`STREAM.MSG.DELETE.${this.names.stream}`, { seq: revision, no_erase: true }));
  }

  /** Deletes all records that match a pattern, if the bucket exists. */
  async purgeAll(pattern: string): Promise<void> {
    await this.ask(async () => {
      try {
        await this.link.api(`STREAM.PURGE.${this.names.stream}`, { filter: this.subject(pattern) });
      } catch (error) {
        if (!isRefusal(error, 'streamNotFound')) throw error;
      }
    });
  }

  /** Runs a request; rejects with `BACKEND_ERROR`. */
  async ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      // Deleted from outside: the next call creates it.
      if (isRefusal(error, 'streamNotFound')) this.#opening = undefined;
      throw storeFault(error);
    }
  }

  async #open(): Promise<void> {
    await this.ask(() => this.open());
    const { created } = await this.#info();
    await this.#options.opened?.(created);
  }

  async #storedAs(subject: string, attempt: string): Promise<number | undefined> {
    const found = await this.lastOf(subject).catch(() => undefined);
    return found?.headers.get(tryHeader) === attempt ? found.seq : undefined;
  }

  #find(which: Readonly<Record<string, unknown>>): Promise<Stored | undefined> {
    return this.ask(() => findMessage(this.link, this.names.stream, which));
  }

  #recordOf<T>(found: Stored | undefined): BucketRecord<T> | undefined {
    if (found === undefined) return undefined;
    const value = JSON.parse(Buffer.from(found.data).toString()) as T;
    return { key: this.keyOf(found.subject), revision: found.seq, value };
  }

  #info(subjects?: { readonly filter: string; readonly offset: number }): Promise<StreamInfo> {
    const body = subjects && { subjects_filter: subjects.filter, offset: subjects.offset };
    return this.ask(() => this.link.api<StreamInfo>(`STREAM.INFO.${this.names.stream}`, body));
  }
}
