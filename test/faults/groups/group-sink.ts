import { FencedSink, type Written } from '../../support/fenced-sink.ts';

type Started = Written & { readonly member: string; readonly atMs: number; readonly attempt: number };

/** Start times of handlers of a stream in one generation. */
type Starts = { readonly member: string; readonly generation: number; firstMs: number; lastMs: number };

/** Generations of a stream that are compared with each other. */
const keptGenerations = 16;

/** Actions of a stream's handlers that are printed with a violation of its order. */
const keptActions = 40;

/** Actions of the members of one group, in order; records every violation of the guarantees of groups. */
export class GroupSink {
  readonly writes = new FencedSink();
  started = 0;
  /** Generations that two members had, and handlers started by a former owner. */
  readonly breaches: string[] = [];
  readonly #owners = new Map<number, string>();
  readonly #starts = new Map<string, Starts[]>();
  readonly #actions = new Map<string, string[]>();

  get generations(): number {
    return this.#owners.size;
  }

  start({ stream, position, generation, member, atMs, attempt }: Started): void {
    this.started++;
    this.#note(stream, `${Math.round(atMs)} ${member} starts ${position} of ${generation}, attempt ${attempt}`);
    const owner = this.#owners.getOrInsert(generation, member);
    if (owner !== member) this.breaches.push(`generation ${generation} is that of ${owner} and of ${member}`);
    const kept = this.#starts.getOrInsertComputed(stream, () => []);
    // Reports of two processes may arrive in a different order.
    for (const other of kept) {
      const isBefore = generation < other.generation && atMs > other.firstMs;
      const isAfter = generation > other.generation && atMs < other.lastMs;
      if (isBefore || isAfter) {
        const ms = Math.round(Math.abs(atMs - (isBefore ? other.firstMs : other.lastMs)));
        this.breaches.push(
          `${member} started ${stream}@${position} of generation ${generation} ${ms} ms ${isBefore ? 'after' : 'before'} ${other.member} started in ${other.generation}`,
        );
      }
    }
    const own = kept.find((starts) => starts.generation === generation);
    if (own !== undefined) {
      own.firstMs = Math.min(own.firstMs, atMs);
      own.lastMs = Math.max(own.lastMs, atMs);
      return;
    }
    kept.push({ member, generation, firstMs: atMs, lastMs: atMs });
    kept.sort((one, other) => one.generation - other.generation);
    if (kept.length > keptGenerations) kept.shift();
  }

  failed(handled: Written): void {
    this.#note(handled.stream, `${handled.position} of ${handled.generation} fails`);
  }

  write(handled: Written): void {
    const actions = this.#note(handled.stream, `${handled.position} of ${handled.generation} is written`);
    const known = this.writes.breaches.length;
    this.writes.write(handled);
    if (this.writes.breaches.length > known) this.writes.breaches[known] += ` after: ${actions.join('; ')}`;
  }

  /** Number of messages of these streams (each has this many) that were not written. */
  missing(streams: ReadonlyMap<string, number>): number {
    let missing = 0;
    for (const [stream, count] of streams) missing += count - this.writes.written(stream);
    return missing;
  }

  #note(stream: string, action: string): readonly string[] {
    const actions = this.#actions.getOrInsertComputed(stream, () => []);
    actions.push(action);
    if (actions.length > keptActions) actions.shift();
    return actions;
  }
}
