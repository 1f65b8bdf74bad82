import type { Message } from '../messages.ts';
import type { Entry, Progress } from './progress.ts';

/** Result of a delivery. `held`: the server holds the stream at this message. `stopped`: the message stays queued. */
export type Delivered = 'settled' | 'held' | 'stopped';

/** The functions of the partition that lanes use. */
type LaneParts<Data> = {
  readonly progress: Progress<Data>;
  readonly mayStart: (stream: string) => boolean;
  readonly deliver: (message: Message<Data>) => Promise<Delivered>;
  /** Called after each message that was settled or held. */
  readonly settled: () => void;
  /** Runs work that must finish before the partition is released. */
  readonly during: (work: () => Promise<void>) => Promise<void>;
};

/** Queued messages of a stream, in order. */
type Lane<Data> = { readonly queue: Entry<Data>[]; isRunning: boolean };

/** Delivers the messages of one partition: each stream in order, several streams concurrently. */
export class StreamLanes<Data> {
  readonly #parts: LaneParts<Data>;
  readonly #lanes = new Map<string, Lane<Data>>();

  constructor(parts: LaneParts<Data>) {
    this.#parts = parts;
  }

  enqueue(entry: Entry<Data>): void {
    const { stream } = entry.message;
    const lane = this.#lanes.get(stream);
    if (lane === undefined) this.#lanes.set(stream, { queue: [entry], isRunning: false });
    else lane.queue.push(entry);
    this.#run(stream);
  }

  /** Delivers these messages of a stream instead of the queued ones. */
  replace(stream: string, entries: Entry<Data>[]): void {
    const lane = this.#lanes.get(stream);
    if (lane === undefined) this.#lanes.set(stream, { queue: entries, isRunning: false });
    else lane.queue.splice(0, lane.queue.length, ...entries);
    this.#run(stream);
  }

  /** Continues lanes that stopped because no handler was allowed to start. */
  resume(): void {
    for (const stream of this.#lanes.keys()) this.#run(stream);
  }

  #run(stream: string): void {
    const lane = this.#lanes.get(stream)!;
    if (!lane.isRunning) void this.#parts.during(() => this.#runLane(stream, lane));
  }

  async #runLane(stream: string, lane: Lane<Data>): Promise<void> {
    const { progress, mayStart, deliver, settled } = this.#parts;
    lane.isRunning = true;
    try {
      for (let entry = lane.queue[0]; entry !== undefined && mayStart(stream); entry = lane.queue[0]) {
        const outcome = await deliver(entry.message);
        if (outcome === 'stopped') return;
        if (outcome === 'held') {
          for (const waiting of lane.queue.splice(0)) progress.move(waiting, 'skipped');
        } else {
          // Retrying a stream that was not held may have replaced the queue.
          if (lane.queue[0] === entry) lane.queue.shift();
          progress.move(entry, 'settled');
        }
        settled();
      }
    } finally {
      lane.isRunning = false;
      if (lane.queue.length === 0 && this.#lanes.get(stream) === lane) this.#lanes.delete(stream);
    }
  }
}
