import type { Message } from '../messages.ts';

/**
 * What became of a message that was read: `pending`, until its handler resolves; `settled`; `skipped`, because its stream is held and the
 * server keeps its place.
 */
export type Entry<Data> = { readonly message: Message<Data>; state: 'pending' | 'settled' | 'skipped' };

/** How far a partition has come: messages that were read and not yet acknowledged, in the order of the log. */
export class Progress<Data> {
  /** The log was read up to this global position. */
  readUpTo: number;
  /** The server knows that all up to here is settled. */
  acked: number;
  /** Highest position that was sent; above `acked` while it is not known whether the server has it. */
  sent: number;
  #entries: Entry<Data>[] = [];
  #pending = 0;

  constructor(position: number) {
    this.readUpTo = position;
    this.acked = position;
    this.sent = position;
  }

  /** Messages that wait for their handler or for it to end. */
  get pending(): number {
    return this.#pending;
  }

  /** Messages that are not acknowledged. */
  get length(): number {
    return this.#entries.length;
  }

  /** All up to this global position is settled or skipped. */
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

  /** Messages of a stream behind a position of it that are not acknowledged and not settled, in order. */
  open(stream: string, position: number): Entry<Data>[] {
    return this.#entries.filter(
      ({ message, state }) => message.stream === stream && message.position > position && state !== 'settled',
    );
  }
}
