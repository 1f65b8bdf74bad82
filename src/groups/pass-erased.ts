import type { Log } from '../store/log.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import type { GroupNode } from './group-node.ts';
import type { GroupName, WatchedGroup } from './group-state.ts';
import type { HeldStream } from './partition-record.ts';

/** Maximum number of partitions examined, and of held streams read, per turn. */
const partitionsPerTurn = 100;
const streamsPerTurn = 4;

/** A held stream whose message was deleted. */
type Erased = {
  readonly name: GroupName;
  readonly partition: number;
  readonly stream: string;
  readonly position: number;
};

/** Held streams of a partition owned by a member on this node. */
type HeldOf = { readonly watched: WatchedGroup; readonly partition: number; readonly key: string };

/**
 * Finds held streams whose message was erased or deleted by retention, a few per turn, and moves them past it. Their
 * workers settle them. A stream that is due is left to its worker, who finds that there is no message.
 */
export class ErasedMessages {
  readonly #node: GroupNode;
  readonly #logOf: (watched: WatchedGroup) => Log;
  #partitions: Iterator<HeldOf> | undefined = undefined;

  constructor(node: GroupNode, logOf: (watched: WatchedGroup) => Log) {
    this.#node = node;
    this.#logOf = logOf;
  }

  /** Resolves to the moved streams. */
  async turn(): Promise<Erased[]> {
    const erased: Erased[] = [];
    let reads = 0;
    for (let looks = 0; looks < partitionsPerTurn && reads < streamsPerTurn; looks++) {
      this.#partitions ??= this.#all();
      const next = this.#partitions.next();
      if (next.done === true) {
        this.#partitions = undefined;
        break;
      }
      const { watched, partition, key } = next.value;
      const nowMs = this.#node.options.wallNow();
      const held = this.#node.partitions.known(key)?.held ?? [];
      const waiting = held.filter(({ retryAtMs }) => retryAtMs === undefined || retryAtMs > nowMs);
      reads += waiting.length;
      for (const stream of waiting) {
        if (await this.#pass(watched, key, stream)) {
          erased.push({ name: watched.name, partition, stream: stream.stream, position: stream.position });
        }
      }
    }
    return erased;
  }

  async #pass(watched: WatchedGroup, key: string, held: HeldStream): Promise<boolean> {
    try {
      const { messages } = await this.#logOf(watched).readStream(held.stream, { position: held.position }, 1);
      const next = messages[0]?.position ?? held.position + 1;
      return next !== held.position && (await this.#node.partitions.passErased(key, held, next));
    } catch (error) {
      if (isLogGone(error)) return false;
      throw error;
    }
  }

  *#all(): Generator<HeldOf> {
    for (const watched of this.#node.watched) {
      for (const { told } of watched.sessions.values()) {
        for (const { partition, key } of told.values()) yield { watched, partition, key };
      }
    }
  }
}
