import type { DatabaseSync } from 'node:sqlite';
import { type Selection, selects } from '../../message/selection.ts';
import type { LogBounds } from '../log.ts';
import type { LogId } from '../log-id.ts';
import { maxPagePokes } from '../shared/page-limits.ts';
import type { LogFinder } from './read-log.ts';
import { Query } from './rows.ts';
import type { StreamNames } from './stream-names.ts';
import { StreamPlaces } from './stream-places.ts';

/** Maximum number of rows examined in one call. */
const maxRowsLookedAt = 8_192;

/** Rows fetched at a time when several selectors are merged. */
const rowsPerFetch = 256;

type Row = readonly [global: number, stream: number, position: number];

/** A page of pokes on its way between threads: each name once, numbers packed. */
export type PackedPokes = {
  readonly names: readonly string[];
  /** For each poke: index of its name, position, global position. */
  readonly numbers: Float64Array;
  readonly bounds: LogBounds;
  readonly upTo: number;
  readonly atEnd: boolean;
};

/** Result of one backward search: the last match so far, and where to continue; undefined: finished. */
export type LastLook = { readonly last: number; readonly upTo: number | undefined };

/** Reads message positions from covering indexes. Each call examines a bounded number of rows. */
export class PokeReader {
  readonly #logs: LogFinder;
  readonly #names: StreamNames;
  readonly #places: StreamPlaces;
  readonly #ofLog;
  readonly #ofCategory;
  readonly #ofStream;
  readonly #lastOfLog;
  readonly #lastOfCategory;

  constructor(database: DatabaseSync, logs: LogFinder, names: StreamNames) {
    this.#logs = logs;
    this.#names = names;
    this.#places = new StreamPlaces(database);
    const places = 'SELECT global, stream, position FROM messages';
    this.#ofLog = new Query<Row>(database, `${places} WHERE log = ? AND global > ? ORDER BY global LIMIT ?`);
    this.#ofCategory = new Query<Row>(database, `${places} WHERE category = ? AND global > ? ORDER BY global LIMIT ?`);
    this.#ofStream = new Query<Row>(database, `${places} WHERE stream = ? AND position >= ? ORDER BY position LIMIT ?`);
    this.#lastOfLog = new Query<Row>(
      database,
      `${places} WHERE log = ? AND global <= ? AND global > ? ORDER BY global DESC LIMIT ?`,
    );
    this.#lastOfCategory = new Query<Row>(
      database,
      `${places} WHERE category = ? AND global <= ? AND global > ? ORDER BY global DESC LIMIT ?`,
    );
  }

  pokes(id: LogId, selection: Selection, after: number, limit: number): PackedPokes {
    const log = this.#logs.get(id);
    const { number } = log;
    const bounds = this.#logs.boundsOf(log, selection);
    const sources = this.#sources(number, selection, after);
    const most = Math.min(limit, maxPagePokes);
    // The cost of a row grows with the number of selectors, so the product is bounded.
    const mostRows = Math.max(most, Math.floor(maxRowsLookedAt / Math.max(1, sources.length)));
    const page = new PokePacker(most, this.#names);
    const merge = new Merge(sources, sources.length === 1 ? Math.min(most, mostRows) : rowsPerFetch);
    let upTo = after;
    for (let looked = 0; looked < mostRows && page.length < most; looked++) {
      const row = merge.next();
      if (row === undefined) return page.end(bounds, Math.max(after, bounds.head), true);
      upTo = row[0];
      if (selection.group === null || this.#names.of(row[1]).ownedBy(selection.group)) page.add(row);
    }
    return page.end(bounds, upTo, false);
  }

  /** Searches backwards from `upTo` for the last selected message above `after`. */
  last(id: LogId, selection: Selection, after: number, upTo: number): LastLook {
    const { number } = this.#logs.get(id);
    let last = after;
    for (const name of selection.streams) {
      const stream = this.#logs.stream(number, name);
      if (stream !== undefined) last = Math.max(last, this.#lastOfStream(stream, selection.fromPosition, upTo));
    }
    let rest: number | undefined;
    const isWanted = ([, stream, position]: Row) => selects(selection, this.#names.of(stream), position);
    const query = selection.all ? this.#lastOfLog : this.#lastOfCategory;
    const numbers = selection.all ? [number] : this.#categories(number, selection);
    for (const key of numbers) {
      const rows = query.all(key, upTo, last, rowsPerFetch);
      const found = rows.find(isWanted);
      if (found !== undefined) last = Math.max(last, found[0]);
      else if (rows.length === rowsPerFetch) rest = Math.max(rest ?? 0, rows.at(-1)![0] - 1);
    }
    return { last, upTo: rest !== undefined && rest > last ? rest : undefined };
  }

  #lastOfStream(stream: number, fromPosition: number, upTo: number): number {
    const behind = this.#places.firstFrom(stream, upTo + 1);
    const position = this.#places.lastBefore(stream, behind ?? Number.MAX_SAFE_INTEGER);
    if (position === undefined || position < fromPosition) return 0;
    return this.#ofStream.first(stream, position, 1)![0];
  }

  #categories(log: number, { categories }: Selection): number[] {
    return categories.map((name) => this.#logs.category(log, name)).filter((number) => number !== undefined);
  }

  /** One source of rows per selector, starting after a global position. */
  #sources(log: number, selection: Selection, after: number): Source[] {
    if (selection.all) return [new Source((last, count) => this.#ofLog.all(log, last?.[0] ?? after, count))];
    const categories = this.#categories(log, selection).map(
      (number) => new Source((last, count) => this.#ofCategory.all(number, last?.[0] ?? after, count)),
    );
    const streams = selection.streams.map((name) => this.#streamSource(log, name, selection.fromPosition, after));
    return [...streams.filter((source) => source !== undefined), ...categories];
  }

  #streamSource(log: number, name: string, fromPosition: number, after: number): Source | undefined {
    const stream = this.#logs.stream(log, name);
    const first = stream === undefined ? undefined : this.#places.firstFrom(stream, after + 1);
    if (stream === undefined || first === undefined) return undefined;
    const from = Math.max(first, fromPosition);
    return new Source((last, count) => this.#ofStream.all(stream, last === undefined ? from : last[2] + 1, count));
  }
}

/** Rows of one selector, fetched in batches. */
class Source {
  readonly #fetch: (last: Row | undefined, count: number) => readonly Row[];
  #rows: readonly Row[] = [];
  #at = 0;
  #isAtEnd = false;

  /** `fetch` returns the rows after `last`; undefined: the first ones. */
  constructor(fetch: (last: Row | undefined, count: number) => readonly Row[]) {
    this.#fetch = fetch;
  }

  peek(count: number): Row | undefined {
    if (this.#at === this.#rows.length && !this.#isAtEnd) {
      this.#rows = this.#fetch(this.#rows.at(-1), count);
      this.#at = 0;
      this.#isAtEnd = this.#rows.length < count;
    }
    return this.#rows[this.#at];
  }

  next(count: number): Row | undefined {
    const row = this.peek(count);
    this.#at++;
    return row;
  }

  skip(): void {
    this.#at++;
  }
}

/** Merges sources in order of global position. Each row appears once, even if several sources contain it. */
class Merge {
  readonly #sources: readonly Source[];
  readonly #count: number;

  constructor(sources: readonly Source[], count: number) {
    this.#sources = sources;
    this.#count = count;
  }

  next(): Row | undefined {
    // Fast path: most subscriptions have one selector, and merging a single source takes a fifth of a catch-up.
    if (this.#sources.length === 1) return this.#sources[0]!.next(this.#count);
    let least: Row | undefined;
    for (const source of this.#sources) {
      const row = source.peek(this.#count);
      if (row !== undefined && (least === undefined || row[0] < least[0])) least = row;
    }
    if (least === undefined) return undefined;
    for (const source of this.#sources) if (source.peek(this.#count)?.[0] === least[0]) source.skip();
    return least;
  }
}

/** Packs pokes into numbers and distinct names. */
class PokePacker {
  readonly #names: StreamNames;
  readonly #numbers: Float64Array;
  readonly #page: number;
  readonly #texts: string[] = [];
  length = 0;

  constructor(most: number, names: StreamNames) {
    this.#numbers = new Float64Array(most * 3);
    this.#names = names;
    this.#page = names.beginPage();
  }

  add([global, stream, position]: Row): void {
    const at = this.length++ * 3;
    const known = this.#names.known(stream);
    if (known.page !== this.#page) {
      known.page = this.#page;
      known.index = this.#texts.push(known.name.text) - 1;
    }
    this.#numbers[at] = known.index;
    this.#numbers[at + 1] = position;
    this.#numbers[at + 2] = global;
  }

  end(bounds: LogBounds, upTo: number, atEnd: boolean): PackedPokes {
    return { names: this.#texts, numbers: this.#numbers.slice(0, this.length * 3), bounds, upTo, atEnd };
  }
}
