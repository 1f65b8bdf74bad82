import type { Poke } from '../../message/poke.ts';
import { type Selection, selectionKey, selects } from '../../message/selection.ts';
import type { StreamName } from '../../message/stream-name.ts';
import type { ObjectPool } from '../../pool/object-pool.ts';
import type { PokePage } from '../log.ts';
import { maxPagePokes } from '../shared/page-limits.ts';
import { cursorIdleMs } from './header-cursor.ts';
import type { LogStream, StreamInfo } from './log-stream.ts';
import { filtersOf, forgottenUpTo, type Place, PokeSource } from './poke-source.ts';
import { ReadAheads } from './read-aheads.ts';
import { seqOfPosition } from './stream-walk.ts';

/** Maximum number of sources kept for the next page of a read, and so of idle consumers of this node on the server. */
const maxKept = 64;
/** Shorter than the server keeps an idle consumer. */
const keptMs = cursorIdleMs / 2;

/** Bounds of the messages that one call examines for a group member, which gets only some of them. */
const leastLookedAt = 256;
const maxLookedAt = 8_192;

type Kept = { readonly source: PokeSource; readonly timer: NodeJS.Timeout };

/** Reads pokes page by page. A read that continues where the last page ended reuses its consumer. */
export class PokeReader {
  readonly #pokes: ObjectPool<Poke>;
  readonly #aheads = new ReadAheads();
  /** Keyed by log, selection and start of the next page; least recently used first. */
  readonly #kept = new Map<string, Kept>();

  constructor(pokes: ObjectPool<Poke>) {
    this.#pokes = pokes;
  }

  /** Sources that wait for the next page. */
  get keptCount(): number {
    return this.#kept.size;
  }

  async page(log: LogStream, selection: Selection, after: number, limit: number): Promise<PokePage> {
    const most = Math.min(limit, maxPagePokes);
    const filters = filtersOf(log.names, selection);
    const kept = this.#take(log, selection, after);
    if (kept !== undefined) {
      if (kept.places.length <= most) await refill(kept, lookedAt(selection, most));
      return this.#give(log, selection, after, most, kept);
    }
    const before = await log.info();
    if (filters === undefined || after >= before.state.last_seq) return this.#empty(log, before, after);
    const opened = await this.#open(log, filters, selection, after);
    if (opened === undefined) return this.#empty(log, before, after);
    await refill(opened, lookedAt(selection, most), before);
    return this.#give(log, selection, after, most, opened);
  }

  close(): void {
    for (const { source, timer } of this.#kept.values()) {
      clearTimeout(timer);
      source.close();
    }
    this.#kept.clear();
  }

  /** Undefined: the stream has not reached the position where the selection starts. */
  async #open(
    log: LogStream,
    filters: readonly string[],
    { streams, categories, fromPosition }: Selection,
    after: number,
  ): Promise<PokeSource | undefined> {
    const isSelected = ({ text, category }: StreamName) => streams.includes(text) || categories.includes(category);
    const open = (from: number) => PokeSource.open(log, filters, isSelected, from, this.#aheads);
    if (fromPosition === 0) return open(after);
    const first = await seqOfPosition(log, streams[0]!, fromPosition);
    return first === undefined ? undefined : open(Math.max(after, first - 1));
  }

  #give(log: LogStream, selection: Selection, after: number, most: number, source: PokeSource): PokePage {
    const wanted: Place[] = [];
    let upTo = after;
    let isWhole = true;
    for (const place of source.places) {
      if (wanted.length === most) {
        isWhole = false;
        break;
      }
      upTo = place.globalPosition;
      if (isWanted(selection, place)) wanted.push(place);
    }
    if (isWhole) upTo = Math.max(after, source.readTo);
    const atEnd = isWhole && source.isAtEnd;
    const { forgottenUpTo } = source;
    source.drop(upTo);
    if (atEnd) source.close();
    else this.#keep(keyOf(log, selection, upTo), source);
    const pokes = wanted.map(({ stream, position, globalPosition }) =>
      this.#pokes.acquire().set(stream, position, globalPosition, 0),
    );
    return pageOf(this.#pokes, log, pokes, { upTo, atEnd, forgottenUpTo });
  }

  #empty(log: LogStream, before: StreamInfo, after: number): PokePage {
    const upTo = Math.max(after, before.state.last_seq);
    return pageOf(this.#pokes, log, [], { upTo, atEnd: true, forgottenUpTo: forgottenUpTo(before) });
  }

  #take(log: LogStream, selection: Selection, after: number): PokeSource | undefined {
    const key = keyOf(log, selection, after);
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    clearTimeout(kept.timer);
    return kept.source;
  }

  #keep(key: string, source: PokeSource): void {
    this.#drop(key);
    if (this.#kept.size === maxKept) {
      const [oldest] = this.#kept.keys();
      this.#drop(oldest!);
    }
    this.#kept.set(key, { source, timer: setTimeout(() => this.#drop(key), keptMs).unref() });
  }

  #drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    clearTimeout(kept.timer);
    kept.source.close();
  }
}

async function refill(source: PokeSource, most: number, info?: StreamInfo): Promise<void> {
  try {
    await source.refill(most, info);
  } catch (error) {
    source.close();
    throw error;
  }
}

function keyOf(log: LogStream, selection: Selection, after: number): string {
  return `${log.id} ${after} ${selectionKey(selection)}`;
}

/** A group member's full page takes roughly as many messages as a full page for every member. */
function lookedAt({ group }: Selection, most: number): number {
  return group === null ? most : Math.min(maxLookedAt, Math.max(leastLookedAt, most * group.size));
}

function isWanted(selection: Selection, { stream, position }: Place): boolean {
  return selection.group === null ? position >= selection.fromPosition : selects(selection, stream, position);
}

function pageOf(
  pool: ObjectPool<Poke>,
  log: LogStream,
  pokes: Poke[],
  page: Pick<PokePage, 'upTo' | 'atEnd' | 'forgottenUpTo'>,
): PokePage {
  return {
    ...page,
    pokes,
    epoch: log.id,
    importsBelowHead: 0,
    release() {
      for (const poke of pokes) pool.release(poke);
      pokes.length = 0;
    },
  };
}
