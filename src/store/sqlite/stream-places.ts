import type { DatabaseSync } from 'node:sqlite';
import { Query } from './rows.ts';

/**
 * Finds stream positions by global position. Both increase together, so a binary search in the position index (some
 * twenty look-ups) replaces another index.
 */
export class StreamPlaces {
  readonly #atOrBehind;
  readonly #before;
  readonly #last;

  constructor(database: DatabaseSync) {
    this.#atOrBehind = new Query<readonly [position: number, global: number]>(
      database,
      'SELECT position, global FROM messages WHERE stream = ? AND position >= ? ORDER BY position LIMIT 1',
    );
    this.#before = new Query<readonly [position: number]>(
      database,
      'SELECT position FROM messages WHERE stream = ? AND position < ? ORDER BY position DESC LIMIT 1',
    );
    this.#last = new Query<readonly [position: number, global: number]>(
      database,
      'SELECT position, global FROM messages WHERE stream = ? ORDER BY position DESC LIMIT 1',
    );
  }

  /** Position of the stream's first message at or after a global position; undefined if there is none. */
  firstFrom(stream: number, globalPosition: number): number | undefined {
    const last = this.#last.first(stream);
    if (last === undefined || last[1] < globalPosition) return undefined;
    let low = 0;
    let high = last[0];
    let found = last[0];
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const row = this.#atOrBehind.first(stream, middle);
      if (row === undefined || row[1] >= globalPosition) {
        if (row !== undefined) found = row[0];
        high = middle - 1;
      } else low = row[0] + 1;
    }
    return found;
  }

  /** Position of the stream's last message before a position; undefined if there is none. */
  lastBefore(stream: number, position: number): number | undefined {
    return this.#before.first(stream, position)?.[0];
  }

  /** Position and global position of the stream's last message. */
  last(stream: number): readonly [position: number, global: number] | undefined {
    return this.#last.first(stream);
  }
}
