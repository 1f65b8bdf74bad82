import type { Message } from '../messages.ts';

/**
 * A message that was read. `pending`: its handler has not finished. `skipped`: its stream is held, so the server will
 * retry it.
 */
export type Entry<Data> = { readonly message: Message<Data>; state: 'pending' | 'settled' | 'skipped' };

/** Progress of a partition: messages read but not acknowledged, in log order. */
export class Progress<Data> {
  /** Global position up to which the log was read. */
  readUpTo: number;
  /** The last acknowledged global position. */
  acked: number;
  /** Highest position sent; above `acked` until the answer arrives. */
  sent: number;
  #entries: Entry<Data>[] = [];
  #pending = 0;

  constructor(position: number) {
    this.readUpTo = position;
    this.acked = position;
    this.sent = position;
  }

  /** Number of messages whose handlers have not finished. */
  get pending(): number {
    return this.#pending;
  }

  /** Number of messages not acknowledged. */
  get length(): number {
    return this.#entries.length;
  }

  /** The global position up to which every message is settled or skipped. */
  get settledUpTo(): number {
    const first = this.#entries.find(({ state }) => state === 'pending');
    return first === undefined ? this.readUpTo : Math.max(this.acked, first.message.globalPosition - 1);
  }

  add(message: Message<Data>): Entry<Data> {
    const entry: Entry<Data> = { message, state: 'pending' };
    this.#entries.push(entry);
    this.#pending++;
    return entry;
  }

  move(entry: Entry<Data>, state: Entry<Data>['state']): void {
    this.#pending += Number(state === 'pending') - Number(entry.state === 'pending');
    entry.state = state;
  }

  acknowledge(position: number): void {
    this.acked = Math.max(this.acked, position);
    const at = this.#entries.findIndex(
      ({ message, state }) => state === 'pending' || message.globalPosition > this.acked,
    );
    this.#entries.splice(0, at < 0 ? this.#entries.length : at);
  }

  /** Unsettled messages of a stream, in order. */
  open(stream: string): Entry<Data>[] {
    return this.#entries.filter(({ message, state }) => message.stream === stream && state !== 'settled');
  }
}
