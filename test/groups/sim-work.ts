import type { Held } from '../../src/groups/ownership.ts';
import type { Floor } from '../../src/groups/partition-record.ts';
import type { SimLog, SimMessage } from './sim-log.ts';
import type { SimWorker } from './sim-worker.ts';
import type { World } from './world.ts';

/** Longest time without a read while the log grows. */
const maxIdleMs = 30_000;

type Given = Held & { readonly size: number; readonly position: number; readonly floors: readonly Floor[] };

/** A simulated worker's work on an assigned partition. */
export class SimWork implements Held {
  readonly layout: number;
  readonly partition: number;
  readonly generation: number;
  readonly size: number;
  floors: readonly Floor[];
  /** Everything up to here is processed, settled by others, or held. */
  done: number;
  acked: number;
  /** Held streams, with the position they wait at. */
  readonly held: Map<number, number>;
  /** The highest position processed in this generation, by stream. */
  readonly processed: Map<number, number>;
  /** Held streams that are due. */
  readonly retries = new Map<number, number>();
  isRunning = false;
  isAsking = false;
  readonly #worker: SimWorker;
  readonly #world: World;
  readonly #log: SimLog;
  /** Messages that it has read may be handled although the log is gone. */
  #readUpTo: number;
  #readAtMs: number;
  /** There may be messages to read up to this global position. */
  #pokedUpTo = Number.POSITIVE_INFINITY;

  constructor(worker: SimWorker, world: World, given: Given, held: readonly (readonly [number, number])[]) {
    const { layout, partition, generation, size, position, floors } = given;
    this.#worker = worker;
    this.#world = world;
    this.#log = world.logs.of(worker.epoch);
    this.#readUpTo = position;
    this.#readAtMs = world.time.now;
    this.layout = layout;
    this.partition = partition;
    this.generation = generation;
    this.size = size;
    this.floors = floors;
    this.done = position;
    this.acked = position;
    this.held = new Map(held);
    // Messages before a held one are settled, even after the checkpoint.
    this.processed = new Map(held.map(([stream, at]) => [stream, at - 1]));
  }

  get #key(): string {
    return this.#world.partitionKey(this.layout, this.partition);
  }

  poke(globalPosition: number): void {
    this.#pokedUpTo = Math.max(this.#pokedUpTo, globalPosition);
  }

  /** Pokes may have been lost. Only retention moves a checkpoint beyond what its worker has read. */
  reconnected(position: number): void {
    if (position > this.#readUpTo) this.forgotten(position);
    this.poke(this.#worker.head);
  }

  /** Retention deleted messages up to this global position, and moved the checkpoint past them. */
  forgotten(upTo: number): void {
    this.done = Math.max(this.done, upTo);
    this.#readUpTo = Math.max(this.#readUpTo, upTo);
    this.#pokedUpTo = Number.POSITIVE_INFINITY;
  }

  /** Reads if there may be messages, and occasionally in any case. */
  #read(): void {
    const log = this.#log;
    const { now } = this.#world.time;
    if (now - this.#readAtMs > maxIdleMs) this.poke(this.#worker.head);
    // Reads are refused until it is notified of the messages that retention deleted.
    if (this.#pokedUpTo <= this.#readUpTo || this.#readUpTo < log.forgottenUpTo) return;
    const isOwn = ({ stream }: SimMessage) => log.owner(stream, this.size) === this.partition;
    const last = log.messages.findLast(isOwn)?.globalPosition ?? 0;
    this.#readUpTo = Math.max(this.#readUpTo, last, this.#worker.head);
    this.#readAtMs = now;
    this.#pokedUpTo = 0;
  }

  /** Starts the next handler that the deadline book permits, or acknowledges. */
  step(): void {
    const log = this.#log;
    const isGone = log !== this.#world.log;
    if (this.isRunning || !this.#worker.owns(this)) return;
    if (this.#worker.isRevoked(this)) {
      this.#worker.letGo(this);
      return;
    }
    if (!this.#worker.mayStart(this)) return;
    const [retry] = this.retries;
    if (retry !== undefined && !isGone) {
      const [stream, position] = retry;
      // Another retry may arrive before this one ends.
      this.retries.delete(stream);
      const message = log.read(stream, position);
      const processed = this.processed.get(stream) ?? -1;
      if (message === undefined || processed >= message.position) this.#settle(stream, Math.max(position, processed));
      else this.#handle(message, true);
      return;
    }
    if (!isGone) this.#read();
    for (let at = this.done; at < this.#readUpTo; at++) {
      const message = log.messages[at];
      if (message === undefined) {
        this.done = this.#readUpTo;
        break;
      }
      const isForeign = log.owner(message.stream, this.size) !== this.partition || log.isSettled(this.floors, message);
      const isProcessed = message.position <= (this.processed.get(message.stream) ?? -1);
      if (isForeign || isProcessed || this.held.has(message.stream)) this.done = message.globalPosition;
      else {
        this.#handle(message, false);
        return;
      }
    }
    this.#acknowledge();
  }

  #handle(message: SimMessage, isRetry: boolean): void {
    const { time } = this.#world;
    const log = this.#log;
    this.#world.checkStart(this.#worker, message.stream);
    this.isRunning = true;
    const { random } = time;
    const ms = !this.#world.isTroubled || random.chance(0.9) ? random.int(5, 400) : random.int(400, 20_000);
    time.after(ms, this.#worker.actor, () => {
      if (message.failures > 0) {
        message.failures--;
        this.#hold(message);
        return;
      }
      this.isRunning = false;
      log.take(message, this.generation);
      this.processed.set(message.stream, message.position);
      if (isRetry) this.#settle(message.stream, message.position);
      else this.done = Math.max(this.done, message.globalPosition);
      this.#acknowledge();
      this.#worker.step();
    });
  }

  /** Retries until it is held; the checkpoint must not pass the message before that. */
  #hold({ stream, position, globalPosition, failures }: SimMessage): void {
    const { time } = this.#world;
    const isParked = failures === Number.POSITIVE_INFINITY;
    const retryAtMs = isParked ? undefined : time.now + time.random.int(100, 8_000);
    const name = this.#log.nameOf(stream);
    // Like the server: if the message no longer exists, it is retried at once.
    const failure = () => {
      const isThere = globalPosition > this.#log.forgottenUpTo;
      const what = { stream: name, position, error: 'failed' };
      if (!isThere) return { ...what, globalPosition: Number.POSITIVE_INFINITY, retryAtMs: time.now };
      return { ...what, globalPosition, retryAtMs };
    };
    // Starting now, because its retry may arrive before the answer.
    this.held.set(stream, position);
    let tries = 0;
    const ask = () => {
      if (tries++ > 0) this.#log.mayRepeat(stream, position);
      this.#worker.post(
        ({ node }) => node.partitions.hold(this.#key, this.generation, failure()),
        (outcome) => {
          if (!this.#worker.owns(this)) return;
          if (outcome === undefined) ask();
          else if (outcome === 'too-many') throw new Error('more streams are held than there are');
          else if (outcome.outcome === 'fenced') this.#worker.fenced(this);
          else {
            if (!outcome.record.held.some((other) => other.stream === name)) {
              // Settled by a retry or deleted by retention in the meantime.
              this.held.delete(stream);
              this.processed.set(stream, Math.max(position, this.processed.get(stream) ?? -1));
            }
            this.isRunning = false;
            this.#worker.step();
          }
        },
      );
    };
    ask();
  }

  /** Settles a held stream up to a position. Until that is answered, no message of the stream is skipped. */
  #settle(stream: number, position: number): void {
    this.isRunning = true;
    const upTo = this.done;
    const ask = () =>
      this.#worker.post(
        ({ node }) =>
          node.partitions.settle(
            this.#key,
            this.generation,
            { stream: this.#log.nameOf(stream), position },
            async (passed) => this.#log.nextOf(stream, position, Math.max(passed, upTo)),
          ),
        (outcome) => {
          if (!this.#worker.owns(this)) return;
          if (outcome === undefined) ask();
          else if (outcome.outcome === 'fenced') this.#worker.fenced(this);
          else {
            const held = outcome.record.held.find((other) => other.stream === this.#log.nameOf(stream));
            this.isRunning = false;
            if (held === undefined) this.held.delete(stream);
            else {
              this.held.set(stream, held.position);
              if (held.retryAtMs !== undefined && held.retryAtMs <= this.#world.time.now)
                this.retries.set(stream, held.position);
            }
            this.#worker.step();
          }
        },
      );
    ask();
  }

  #acknowledge(): void {
    const { time } = this.#world;
    if (this.isAsking || this.done <= this.acked) return;
    this.isAsking = true;
    const position = this.done;
    time.after(time.random.int(0, 200), this.#worker.actor, () =>
      this.#worker.post(
        ({ node }) => node.partitions.acknowledge(this.#key, this.generation, position),
        (outcome) => {
          this.isAsking = false;
          if (!this.#worker.owns(this)) return;
          if (outcome?.outcome === 'fenced') {
            this.#worker.fenced(this);
            return;
          }
          if (outcome !== undefined) {
            this.acked = Math.max(this.acked, position);
            this.floors = this.floors.filter(({ upTo }) => upTo > position);
          }
          this.#acknowledge();
        },
      ),
    );
  }
}
