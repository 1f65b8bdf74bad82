import { StreamName } from './stream-name.ts';

const noStream = new StreamName('');

/**
 * Notification that a message exists: its position, never its content. Pokes are pooled: a receiver may read one until
 * the call returns (or the page is released), and must not keep it.
 */
export class Poke {
  stream = noStream;
  /** Index in its stream, from 0. */
  position = 0;
  /** Index in the namespace's log, from 1. */
  globalPosition = 0;
  /** When the message was appended, by `performance.now()`; 0: unknown. */
  appendedAtMs = 0;

  /** Sets every field in the order of declaration, so that new and reused pokes have the same shape. */
  set(stream: StreamName, position: number, globalPosition: number, appendedAtMs: number): this {
    this.stream = stream;
    this.position = position;
    this.globalPosition = globalPosition;
    this.appendedAtMs = appendedAtMs;
    return this;
  }
}
