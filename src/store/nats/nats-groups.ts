import { setTimeout as delay } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import {
  type GroupChange,
  type GroupChanges,
  type GroupRecord,
  type GroupStore,
  maxGroupRecords,
} from '../group-store.ts';
import { decodePath, encodeKey, encodePath } from './bucket-keys.ts';
import type { ChangeNews } from './change-news.ts';
import { readKnown } from './direct-read.ts';
import type { BucketWrite, RecordBucket } from './record-bucket.ts';
import type { Stored } from './stored-message.ts';

/** Maximum number of changes listed individually; beyond that, everything may have changed. */
const maxChanges = 1_024;
/** Records that one call reads or writes concurrently. */
const atOnce = 32;
/** Maximum number of records and bytes of one read. */
const perRead = 1_024;
const maxReadBytes = 4 * 1_024 * 1_024;
/** Maximum number of attempts to create a record while another write of it is in flight. */
const maxTries = 100;
const retryMs = 20;

/** An empty record replaces a removed one until the servers delete it. */
const removedHeaders = { 'KV-Operation': 'DEL', 'Nats-TTL': '10s' };
/** Longer than any node can be without a request: a node that sleeps longer is declared dead and starts over. */
const removedNewsHeaders = { 'Nats-TTL': '24h' };

/**
 * Records of consumer groups in a bucket shared by all nodes. `record.KEY` has the text of a record. Every change that is not quiet also
 * writes `news.KEY`, atomically, so a node can list changes without reading the many quiet ones.
 */
export class NatsGroups implements GroupStore {
  readonly sharedBy = 'nodes';
  readonly #bucket: RecordBucket;
  readonly #hints: ChangeNews;

  constructor(bucket: RecordBucket, hints: ChangeNews) {
    this.#bucket = bucket;
    this.#hints = hints;
  }

  async read(keys: readonly string[]): Promise<(GroupRecord | undefined)[]> {
    await this.#bucket.ready();
    return inParts(keys, async (key) => {
      const found = await this.#find(key);
      return found === undefined || isRemoved(found) ? undefined : recordOf(key, found);
    });
  }

  async write(changes: readonly GroupChange[]): Promise<(number | undefined)[]> {
    await this.#bucket.ready();
    const outcomes = await inParts(changes, (change) => this.#change(change));
    if (changes.some(({ isQuiet }, index) => !isQuiet && outcomes[index] !== undefined)) this.#hints.changed();
    return outcomes;
  }

  async list(prefix: string, after: string | undefined, limit: number): Promise<GroupRecord[]> {
    const bucket = await this.#bucket.ready();
    const folders = prefix.split('/').slice(0, -1).map(encodeKey);
    const filter = bucket.subject(['record', ...folders, '>'].join('.'));
    const most = Math.min(limit, maxGroupRecords);
    let found = new Map<string, GroupRecord>();
    for await (const messages of this.#pages(filter, 0, await bucket.lastOf(filter))) {
      // A record that changes during the read moves to the end and is read again there.
      for (const message of messages) {
        const key = this.#keyOf(message);
        if (!key.startsWith(prefix) || (after !== undefined && key <= after)) continue;
        if (isRemoved(message)) found.delete(key);
        else found.set(key, recordOf(key, message));
      }
      if (found.size > most) found = new Map([...found].sort(byKey).slice(0, most));
    }
    return [...found].sort(byKey).map(([, record]) => record);
  }

  async changesSince(revision: number | undefined, prefix?: string): Promise<GroupChanges> {
    const [changes, records] = await Promise.all([
      this.#changesSince(revision),
      prefix === undefined ? [] : this.list(prefix, undefined, maxGroupRecords),
    ]);
    return { ...changes, records };
  }

  follow(changed: () => void): () => void {
    return this.#hints.follow(changed);
  }

  /** Removes the records of a namespace. */
  async removeAll(uid: string): Promise<void> {
    await this.#bucket.purgeAll(`*.${encodeKey(uid)}.>`);
  }

  async #changesSince(revision: number | undefined): Promise<Omit<GroupChanges, 'records'>> {
    const bucket = await this.#bucket.ready();
    const filter = bucket.subject('news.>');
    const last = await bucket.lastOf(filter);
    const now = last?.seq ?? 0;
    if (revision === undefined || revision === now) return { revision: now, keys: [] };
    if (revision > now) return { revision: now, keys: 'all' };
    const keys = new Set<string>();
    let upTo = now;
    for await (const messages of this.#pages(filter, revision, last)) {
      for (const message of messages) keys.add(this.#keyOf(message));
      upTo = Math.max(upTo, messages.at(-1)?.seq ?? 0);
      if (keys.size > maxChanges) return { revision: now, keys: 'all' };
    }
    return { revision: upTo, keys: [...keys] };
  }

  async #change(change: GroupChange): Promise<number | undefined> {
    let { revision } = change;
    for (let tries = 1; ; tries++) {
      const written = await this.#bucket.write(writesOf({ ...change, revision }));
      if (written !== undefined || change.revision > 0) return written;
      const found = await this.#find(change.key);
      if (found !== undefined && !isRemoved(found)) return undefined;
      // If there is nothing or an empty record, another write is in flight and may fail, or the record was removed.
      revision = found?.seq ?? 0;
      if (tries === maxTries) {
        throw new PokewireError('BACKEND_ERROR', 'Another write of the record is in flight at NATS. Try again.');
      }
      if (found === undefined) await delay(retryMs);
    }
  }

  #find(key: string): Promise<Stored | undefined> {
    return this.#bucket.lastOf(this.#bucket.subject(`record.${encodePath(key)}`));
  }

  /** Messages that match a filter, after a sequence number and at least up to `last`. */
  async *#pages(filter: string, after: number, last: Stored | undefined): AsyncGenerator<readonly Stored[]> {
    if (last === undefined) return;
    for (let at = after; ; ) {
      const { messages, isEnd } = await readKnown(this.#bucket, filter, at + 1, perRead, maxReadBytes, last.seq);
      yield messages;
      if (isEnd || messages.length === 0) return;
      at = messages.at(-1)!.seq;
    }
  }

  #keyOf({ subject }: Stored): string {
    const key = this.#bucket.keyOf(subject);
    return decodePath(key.slice(key.indexOf('.') + 1));
  }
}

/** The messages of a change, written atomically; the first is the record. */
function writesOf({ key, revision, text, isQuiet }: GroupChange): BucketWrite[] {
  const path = encodePath(key);
  const [record, news] = [`record.${path}`, `news.${path}`];
  if (text === undefined) {
    return [
      { key: record, revision, text: '', headers: removedHeaders },
      { key: news, revision: undefined, text: '', headers: removedNewsHeaders },
    ];
  }
  const written: BucketWrite = { key: record, revision, text };
  return isQuiet ? [written] : [written, { key: news, revision: undefined, text: '' }];
}

function isRemoved({ data }: Stored): boolean {
  return data.length === 0;
}

function recordOf(key: string, { seq, data }: Stored): GroupRecord {
  return { key, revision: seq, text: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString() };
}

function byKey([one]: readonly [string, GroupRecord], [other]: readonly [string, GroupRecord]): number {
  return one < other ? -1 : 1;
}

/** Runs a function for each item, some of them concurrently; results are in the order of the items. */
async function inParts<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(run))));
  }
  return results;
}
