import type { Msg } from '@nats-io/transport-node';
import type { Selection } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import { positionOfDelivered } from './delivery.ts';
import { HeaderCursor } from './header-cursor.ts';
import { lastKnown, readUpTo } from './header-pages.ts';
import type { LogStream, StreamInfo } from './log-stream.ts';
import { type ReadAheads, readAhead } from './read-aheads.ts';
import { SubjectStreams } from './subject-streams.ts';
import type { LogNames } from './subjects.ts';

/** Messages pulled at a time when a read continues, so that the next pages need no request. */
const pulledAhead = readAhead.small;

/** After this many such pulls, a read is long enough that a better consumer is worth the extra requests. */
const longReadPulls = 3;

/**
 * From this share of selected messages on, a long read costs less without filters; below the lower one it costs more, and
 * continues with filters.
 */
const shares = { everything: 0.9, filtered: 0.5 };

/** Location of a message. */
export type Place = { readonly globalPosition: number; readonly stream: StreamName; readonly position: number };

/**
 * Filters of a consumer that match everything the selection may select; they must not overlap. Undefined: nothing can
 * match.
 */
export function filtersOf(names: LogNames, { all, streams, categories }: Selection): readonly string[] | undefined {
  if (all) return [];
  const others = streams.filter((stream) => !categories.includes(new StreamName(stream).category));
  const filters = [
    ...categories.map((category) => names.category(category)),
    ...others.map((name) => names.subject(name)),
  ];
  return filters.length === 0 ? undefined : filters;
}

/** Reads locations of messages in one log in order, after a sequence number, from one consumer for page after page. */
export class PokeSource {
  readonly #log: LogStream;
  readonly #filters: readonly string[];
  readonly #isSelected: (stream: StreamName) => boolean;
  readonly #aheads: ReadAheads;
  readonly #placeOf: (message: Msg, seq: number) => Place;
  #cursor!: HeaderCursor<Place>;
  #isFirst = true;
  /** Number of pulls from this cursor after the first page. */
  #pulls = 0;
  /** Share of the messages of the last pull's range that were selected. */
  #share = 0;
  #isFiltered = true;
  /** Number of messages requested in advance; 0 before the read is long. */
  #ahead = 0;
  /** Locations that were read but not delivered yet. */
  #places: Place[] = [];
  /** Global position up to which every selected message has been read. */
  readTo: number;
  /** Whether the last read reached the end of the log. */
  isAtEnd = false;
  /** Global position up to which messages were removed before they could be read. */
  forgottenUpTo = 0;

  private constructor(
    log: LogStream,
    filters: readonly string[],
    isSelected: (stream: StreamName) => boolean,
    after: number,
    aheads: ReadAheads,
  ) {
    this.#log = log;
    this.#filters = filters;
    this.#isSelected = isSelected;
    this.#aheads = aheads;
    this.readTo = after;
    const streams = new SubjectStreams(log.names);
    this.#placeOf = (message, globalPosition) => ({
      globalPosition,
      stream: streams.of(message),
      position: positionOfDelivered(message),
    });
  }

  /** `isSelected`: whether the filters match a stream. */
  static async open(
    log: LogStream,
    filters: readonly string[],
    isSelected: (stream: StreamName) => boolean,
    after: number,
    aheads: ReadAheads,
  ): Promise<PokeSource> {
    const source = new PokeSource(log, filters, isSelected, after, aheads);
    await source.#begin();
    return source;
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** Reads at least `most` more locations, if there are as many. `info`: the log's info from before this call, if known. */
  async refill(most: number, info?: StreamInfo): Promise<void> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const from = this.readTo;
    const read = isFirst ? await this.#pullToEnd(most, info) : await this.#pullOn(Math.max(most, pulledAhead));
    const selected = this.#isFiltered ? read : read.filter(({ stream }) => this.#isSelected(stream));
    for (const place of selected) this.#places.push(place);
    this.#share = selected.length / (this.readTo - from);
    this.forgottenUpTo = this.#isComplete(read, from) ? 0 : forgottenUpTo(await this.#log.info());
  }

  async #begin(): Promise<void> {
    this.#cursor = await HeaderCursor.open(this.#log, this.#filters, this.readTo, this.#placeOf);
    this.#pulls = 0;
    this.#isFiltered = true;
  }

  async #pullOn(count: number): Promise<readonly Place[]> {
    if (!this.#isFiltered && this.#share < shares.filtered) {
      this.#cursor.close();
      await this.#begin();
    }
    if (++this.#pulls === longReadPulls) await this.#hasten();
    const { entries, isShort } = await this.#cursor.pull(count);
    // An earlier pull does not show the current end of the log.
    if (isShort) return [...entries, ...(await this.#pullToEnd(count, undefined))];
    this.readTo = entries.at(-1)!.globalPosition;
    return entries;
  }

  async #hasten(): Promise<void> {
    this.#isFiltered = this.#filters.length === 0 || this.#share < shares.everything;
    await (this.#isFiltered ? this.#cursor.moveNear() : this.#cursor.readEverything());
    if (this.#ahead === 0) this.#ahead = this.#aheads.take();
    this.#cursor.readAhead(this.#ahead);
  }

  /** Pulls, and determines whether the log ends after the received messages. */
  async #pullToEnd(count: number, info: StreamInfo | undefined): Promise<readonly Place[]> {
    const { config, state } = info ?? (await this.#log.info());
    let { entries, isShort } = await this.#cursor.pull(count);
    this.isAtEnd = isShort;
    // The consumer's server may be behind the leader, which has every acknowledged message.
    if (isShort && config.num_replicas > 1) {
      const known = await lastKnown(this.#log, this.#filters);
      if (known > this.#cursor.last) {
        entries = [...entries, ...(await readUpTo(this.#cursor, pulledAhead, known))];
        this.isAtEnd = this.#cursor.last >= known;
      }
    }
    this.readTo = this.isAtEnd ? Math.max(this.#cursor.last, state.last_seq) : this.#cursor.last;
    return entries;
  }

  /** Removes delivered locations up to a global position. */
  drop(upTo: number): void {
    const rest = this.#places.findIndex(({ globalPosition }) => globalPosition > upTo);
    this.#places = rest === -1 ? [] : this.#places.slice(rest);
  }

  close(): void {
    this.#aheads.release(this.#ahead);
    this.#ahead = 0;
    this.#cursor.close();
  }

  /** Whether the locations continue after `from` without a gap, so that nothing can be missing between them. */
  #isComplete(places: readonly Place[], from: number): boolean {
    const [first] = places;
    return first?.globalPosition === from + 1 && places.at(-1)!.globalPosition === from + places.length;
  }
}

/** Everything up to this global position was removed. */
export function forgottenUpTo({ state }: StreamInfo): number {
  return Math.max(0, state.first_seq - 1);
}
