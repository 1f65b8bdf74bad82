import { type Floor, isSettledByFloor, type PartitionRecord, passedUpTo } from '../../src/groups/partition-record.ts';
import type { StreamName } from '../../src/message/stream-name.ts';

export const streamCount = 12;

/** A message of the simulated log. */
export type SimMessage = {
  readonly stream: number;
  readonly position: number;
  readonly globalPosition: number;
  /** Number of attempts that fail; infinite: until an administrator acts. */
  failures: number;
  isDone: boolean;
};

/** The messages and their state, with a sink that keeps the highest generation of each stream and refuses lower ones. */
export class SimLog {
  readonly epoch: string;
  readonly messages: SimMessage[] = [];
  readonly #names: readonly StreamName[];
  readonly #ofStream: SimMessage[][] = Array.from({ length: streamCount }, () => []);
  readonly #highest: number[] = new Array(streamCount).fill(0);
  readonly #next: number[] = new Array(streamCount).fill(0);
  readonly #last: number[] = new Array(streamCount).fill(-1);
  /** Position that a stream may return to because a request to hold it was repeated. */
  readonly #back: number[] = new Array(streamCount).fill(Number.POSITIVE_INFINITY);
  /** Writes up to this generation precede a reset of the stream. */
  readonly #former: number[] = new Array(streamCount).fill(0);
  /** Retention deleted messages up to here. */
  forgottenUpTo = 0;
  repeated = 0;
  refused = 0;

  constructor(epoch: string, names: readonly StreamName[]) {
    this.epoch = epoch;
    this.#names = names;
  }

  get head(): number {
    return this.messages.length;
  }

  append(stream: number, failures: number): SimMessage {
    const position = this.#ofStream[stream]!.length;
    const message = { stream, position, globalPosition: this.messages.length + 1, failures, isDone: false };
    this.messages.push(message);
    this.#ofStream[stream]!.push(message);
    return message;
  }

  nameOf(stream: number): string {
    return this.#names[stream]!.text;
  }

  indexOf(name: string): number {
    return this.#names.findIndex(({ text }) => text === name);
  }

  owner(stream: number, size: number): number {
    return this.#names[stream]!.owner(size);
  }

  isSettled(floors: readonly Floor[], { stream, globalPosition }: SimMessage): boolean {
    return isSettledByFloor(floors, (size) => this.owner(stream, size), globalPosition);
  }

  message(stream: number, position: number): SimMessage | undefined {
    return this.#ofStream[stream]![position];
  }

  /** The stream's first existing message at or after a position. */
  read(stream: number, position: number): SimMessage | undefined {
    return this.#ofStream[stream]!.find(
      (message) => message.position >= position && message.globalPosition > this.forgottenUpTo,
    );
  }

  /** The stream's first message after a position, at or below a global position. */
  nextOf(stream: number, position: number, upTo: number): number | undefined {
    const next = this.read(stream, position + 1);
    return next !== undefined && next.globalPosition <= upTo ? next.position : undefined;
  }

  /** Retention deletes messages up to a global position, processed or not. */
  forget(upTo: number): void {
    this.forgottenUpTo = Math.max(this.forgottenUpTo, upTo);
    for (let stream = 0; stream < streamCount; stream++) this.#pass(stream, this.forgottenUpTo);
  }

  /** A reset: the streams of these partitions are processed again after a global position, in later generations. */
  reset(size: number, partitions: readonly number[] | undefined, position: number, generation: number): void {
    for (let stream = 0; stream < streamCount; stream++) {
      if (partitions?.includes(this.owner(stream, size)) === false) continue;
      for (const message of this.#ofStream[stream]!) message.isDone = false;
      this.#next[stream] = 0;
      this.#former[stream] = generation;
      this.#pass(stream, Math.max(position, this.forgottenUpTo));
    }
  }

  /** Messages of the stream up to a global position need no processing. */
  #pass(stream: number, upTo: number): void {
    for (const message of this.#ofStream[stream]!) {
      if (message.globalPosition > upTo) break;
      message.isDone = true;
      this.#next[stream] = Math.max(this.#next[stream]!, message.position + 1);
    }
  }

  /** A request to hold the stream at a position is sent twice, and may arrive after it was settled. */
  mayRepeat(stream: number, position: number): void {
    this.#back[stream] = Math.min(this.#back[stream]!, position);
  }

  /** An administrator decided that the message needs no processing. */
  skip(stream: number, position: number): void {
    this.message(stream, position)!.isDone = true;
    if (this.#next[stream] === position) this.#next[stream]!++;
  }

  /** Applies a handler's effect; throws if an effect is lost or out of order. */
  take({ stream, position }: SimMessage, generation: number): void {
    if (this.#highest[stream]! > generation || generation <= this.#former[stream]!) {
      this.refused++;
      return;
    }
    const isSame = this.#highest[stream] === generation;
    this.#highest[stream] = generation;
    if (position > this.#next[stream]!) {
      throw new Error(`sink: stream ${stream} message ${position} before ${this.#next[stream]}`);
    }
    if (isSame && position <= this.#last[stream]! && position < this.#back[stream]!) {
      throw new Error(`sink: stream ${stream} goes back to ${position} inside generation ${generation}`);
    }
    this.#last[stream] = position;
    if (position === this.#next[stream]) this.#next[stream]!++;
    else this.repeated++;
    this.message(stream, position)!.isDone = true;
  }

  /** Throws if a change of a record skips a message that was neither processed nor is waiting in a held stream. */
  checkPassed(size: number, partition: number, before: PartitionRecord, after: PartitionRecord): void {
    const isHeld = ({ stream, position }: SimMessage) =>
      after.held.some((held) => held.stream === this.nameOf(stream) && held.position <= position);
    if (after.checkpoint > this.head) throw new Error(`checkpoint ${after.checkpoint} passes the head ${this.head}`);
    for (let at = before.checkpoint; at < after.checkpoint; at++) {
      const message = this.messages[at]!;
      if (this.owner(message.stream, size) !== partition || this.isSettled(before.floors, message)) continue;
      if (!message.isDone && !isHeld(message)) {
        throw new Error(
          `checkpoint ${after.checkpoint} of ${partition}/${size} passes message ${at + 1} that nobody processed`,
        );
      }
    }
    for (const { stream, position } of before.held) {
      const name = this.indexOf(stream);
      const waits = after.held.find((held) => held.stream === stream)?.position ?? Number.POSITIVE_INFINITY;
      for (let at = position; at < waits; at++) {
        const message = this.message(name, at);
        if (message === undefined || message.globalPosition > passedUpTo(after, stream)) break;
        if (!message.isDone) throw new Error(`stream ${stream} is let go although message ${at} was not processed`);
      }
    }
  }
}
