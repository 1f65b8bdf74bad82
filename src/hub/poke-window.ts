import type { Poke } from '../message/poke.ts';
import { type Selection, selects } from '../message/selection.ts';
import { StreamName } from '../message/stream-name.ts';
import type { ObjectPool } from '../pool/object-pool.ts';
import type { PokePage } from '../store/log.ts';
import type { LogId } from '../store/log-id.ts';

/** Maximum number of pokes scanned for one page, so that a selection with few matches does not block the event loop. */
const maxLookedAt = 8_192;
const firstCapacity = 64;

/** Maximum number of pokes in the windows of all logs together, about 50 MB. */
export const maxWindowPokes = 1_048_576;

/** Smallest window however many logs are followed. Subscriptions that wait for a flush read from it. */
export const leastWindowPokes = 64;

/** Size of one log's window when this many logs are followed. */
export function windowPokesFor(logs: number, wanted: number): number {
  return Math.max(leastWindowPokes, Math.min(wanted, Math.floor(maxWindowPokes / Math.max(1, logs))));
}

const noStream = new StreamName('');

/**
 * The last pokes of a log, in a ring of columns. Subscribers that reconnect soon read from it instead of from the
 * store.
 */
export class PokeWindow {
  /** The window holds every poke after this global position. */
  after: number;
  #streams: StreamName[] = new Array(firstCapacity).fill(noStream);
  #positions = new Float64Array(firstCapacity);
  #globalPositions = new Float64Array(firstCapacity);
  #first = 0;
  #length = 0;

  constructor(after: number) {
    this.after = after;
  }

  get length(): number {
    return this.#length;
  }

  /** Drops the oldest pokes beyond `maxLength`, and shrinks the ring when it is mostly empty. */
  trim(maxLength: number): void {
    while (this.#length > maxLength) this.#dropOldest();
    const { length } = this.#streams;
    if (length > firstCapacity && this.#length <= length / 4) this.#resize(length / 2);
  }

  /** Adds the next poke, and drops the oldest ones beyond `maxLength`. */
  push({ stream, position, globalPosition }: Poke, maxLength: number): void {
    while (this.#length >= maxLength) this.#dropOldest();
    if (this.#length === this.#streams.length) this.#resize(this.#length * 2);
    const at = this.#slot(this.#length++);
    this.#streams[at] = stream;
    this.#positions[at] = position;
    this.#globalPositions[at] = globalPosition;
  }

  /**
   * The selected pokes after `after`, as a store would return them from a log that ends at `head`. Returns undefined if
   * the window starts later.
   */
  read(
    selection: Selection,
    after: number,
    limit: number,
    pool: ObjectPool<Poke>,
    log: WindowLog,
  ): PokePage | undefined {
    if (after < this.after) return undefined;
    const pokes: Poke[] = [];
    let upTo = after;
    let index = this.#indexBehind(after);
    const end = Math.min(this.#length, index + maxLookedAt);
    for (; index < end && pokes.length < limit; index++) {
      const at = this.#slot(index);
      const stream = this.#streams[at]!;
      const position = this.#positions[at]!;
      upTo = this.#globalPositions[at]!;
      if (selects(selection, stream, position)) pokes.push(pool.acquire().set(stream, position, upTo, 0));
    }
    const atEnd = index === this.#length;
    return {
      pokes,
      epoch: log.id,
      upTo: atEnd ? Math.max(upTo, log.head) : upTo,
      atEnd,
      forgottenUpTo: 0,
      importsBelowHead: 0,
      release() {
        for (const poke of pokes) pool.release(poke);
        pokes.length = 0;
      },
    };
  }

  /** Index of the first poke after a global position. O(log n). */
  #indexBehind(globalPosition: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#globalPositions[this.#slot(middle)]! <= globalPosition) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #slot(index: number): number {
    // A mask instead of a division: the capacity is a power of two.
    return (this.#first + index) & (this.#streams.length - 1);
  }

  #dropOldest(): void {
    const at = this.#first;
    this.after = this.#globalPositions[at]!;
    this.#streams[at] = noStream;
    this.#first = this.#slot(1);
    this.#length--;
  }

  #resize(capacity: number): void {
    const streams: StreamName[] = new Array(capacity).fill(noStream);
    const positions = new Float64Array(capacity);
    const globalPositions = new Float64Array(capacity);
    for (let index = 0; index < this.#length; index++) {
      const at = this.#slot(index);
      streams[index] = this.#streams[at]!;
      positions[index] = this.#positions[at]!;
      globalPositions[index] = this.#globalPositions[at]!;
    }
    this.#streams = streams;
    this.#positions = positions;
    this.#globalPositions = globalPositions;
    this.#first = 0;
  }
}

/** The log that a window belongs to. */
export type WindowLog = { readonly id: LogId; readonly head: number };
