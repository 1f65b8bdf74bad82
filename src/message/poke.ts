import { StreamName } from './stream-name.ts';

const noStream = new StreamName('');

/**
 * The hint that a message exists: its position, never its content. Pokes are pooled: whoever is handed one may read
 * it until the call returns (or the page is released) and must not keep it.
 */
export class Poke {
  stream = noStream;
  /** Place in its stream, from 0. */
  position = 0;
  /** Place in the namespace's log, from 1. */
  globalPosition = 0;
  /** When the message was appended, milliseconds of the monotonic clock that `performance.now()` reads; 0: unknown. */
  appendedAtMs = 0;

  /** Sets every field, in the order of their declaration, so that fresh and reused pokes have one shape. */
  set(stream: StreamName, position: number, globalPosition: number, appendedAtMs: number): this {
    this.stream = stream;
    this.position = position;
    this.globalPosition = globalPosition;
    this.appendedAtMs = appendedAtMs;
    return this;
  }
}
