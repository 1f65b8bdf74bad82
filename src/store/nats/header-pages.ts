import type { HeaderCursor } from './header-cursor.ts';
import type { LogStream } from './log-stream.ts';
import { limitReplicaLag } from './replica-lag.ts';

const waitMs = 500;

/** Reads until it has `most` messages or has reached the number `known`, which the leader had and a replica may still lack. */
export async function readUpTo<Entry>(cursor: HeaderCursor<Entry>, most: number, known: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  const checkLag = limitReplicaLag();
  let wanted = known;
  for (let wait = 0; ; wait = wait === 0 ? waitMs : 0) {
    // A pull with a wait ends only when it has every requested message.
    const pulled = await cursor.pull(wait === 0 ? most - entries.length : 1, wait);
    entries.push(...pulled.entries);
    if (entries.length >= most || cursor.last >= wanted) return entries;
    // The message may also have been removed.
    wanted = Math.min(known, await lastKnown(cursor.log, cursor.filters));
    if (cursor.last >= wanted) return entries;
    checkLag();
  }
}

/** Sequence number of the last message that the leader has for these filters; 0: none. Call after reading the head. */
export async function lastKnown(log: LogStream, filters: readonly string[]): Promise<number> {
  const wanted = filters.length === 0 ? [log.names.everything] : filters;
  const found = await Promise.all(wanted.map((filter) => log.lastOf(filter)));
  return Math.max(0, ...found.map((message) => message?.seq ?? 0));
}
