import type { Selection } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import { positionOfDelivered } from './delivery.ts';
import { HeaderCursor, type HeaderEntry, type Pulled } from './header-cursor.ts';
import { lastKnown, readUpTo } from './header-pages.ts';
import type { LogStream, StreamInfo } from './log-stream.ts';
import { SubjectStreams } from './subject-streams.ts';
import type { LogNames } from './subjects.ts';

/** Messages pulled at a time when a read continues, so that the next pages need no request. */
const pulledAhead = 2_048;

/** Location of a message. */
export type Place = { readonly globalPosition: number; readonly stream: StreamName; readonly position: number };

/** Filters of a consumer that match whatever the selection may select; they must not overlap. Undefined: nothing can match. */
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
  readonly #cursor: HeaderCursor;
  readonly #streams: SubjectStreams;
  #isFirst = true;
  #ahead: Promise<Pulled> | undefined = undefined;
  /** Read but not delivered yet. */
  #places: Place[] = [];
  /** Global position up to which every selected message has been read. */
  readTo: number;
  /** Whether the last read reached the end of the log. */
  isAtEnd = false;
  /** Global position up to which messages were removed before they could be read. */
  forgottenUpTo = 0;

  private constructor(log: LogStream, filters: readonly string[], cursor: HeaderCursor, after: number) {
    this.#log = log;
    this.#filters = filters;
    this.#cursor = cursor;
    this.#streams = new SubjectStreams(log.names);
    this.readTo = after;
  }

  static async open(log: LogStream, filters: readonly string[], after: number): Promise<PokeSource> {
    return new PokeSource(log, filters, await HeaderCursor.open(log, filters, after), after);
  }

  get places(): readonly Place[] {
    return this.#places;
  }

  /** Reads at least `most` more locations, if there are as many. `before`: the log's info from before this call. */
  async refill(most: number, before: StreamInfo): Promise<void> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const from = this.readTo;
    const { entries: first, isShort } = await this.#pull(isFirst ? most : Math.max(most, pulledAhead));
    let entries = first;
    this.isAtEnd = isShort;
    // The consumer's server may be behind the leader, which has every acknowledged message.
    if (isShort && before.config.num_replicas > 1) {
      const known = await lastKnown(this.#log, this.#filters);
      if (known > this.#cursor.last) {
        entries = [...first, ...(await readUpTo(this.#cursor, pulledAhead, known))];
        this.isAtEnd = this.#cursor.last >= known;
      }
    }
    this.readTo = this.isAtEnd ? Math.max(this.#cursor.last, before.state.last_seq) : this.#cursor.last;
    for (const entry of entries) this.#places.push(this.#placeOf(entry));
    // Lets the server prepare the next pages while these are delivered.
    if (!isFirst && !this.isAtEnd) {
      this.#ahead = this.#cursor.pull(pulledAhead);
      this.#ahead.catch(() => {});
    }
    this.forgottenUpTo = this.#isComplete(entries, from) ? 0 : forgottenUpTo(await this.#log.info());
  }

  /** The result of the earlier pull, or of one now. An earlier pull does not show where the log ends now. */
  async #pull(count: number): Promise<Pulled> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead === undefined) return this.#cursor.pull(count);
    const before = await ahead;
    if (!before.isShort) return before;
    const { entries, isShort } = await this.#cursor.pull(count);
    return { entries: [...before.entries, ...entries], isShort };
  }

  /** Removes delivered locations up to a global position. */
  drop(upTo: number): void {
    const rest = this.#places.findIndex(({ globalPosition }) => globalPosition > upTo);
    this.#places = rest === -1 ? [] : this.#places.slice(rest);
  }

  close(): void {
    this.#cursor.close();
  }

  /** Whether the entries continue after `from` without a gap, so that nothing can be missing between them. */
  #isComplete(entries: readonly HeaderEntry[], from: number): boolean {
    return entries.length > 0 && entries[0]!.seq === from + 1 && entries.at(-1)!.seq === from + entries.length;
  }

  #placeOf({ subject, seq, message }: HeaderEntry): Place {
    return { globalPosition: seq, stream: this.#streams.of(subject), position: positionOfDelivered(message) };
  }
}

/** Everything up to this global position is gone. */
export function forgottenUpTo({ state }: StreamInfo): number {
  return Math.max(0, state.first_seq - 1);
}
