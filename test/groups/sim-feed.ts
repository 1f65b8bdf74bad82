import type { GroupNode } from '../../src/groups/group-node.ts';
import type { Told } from '../../src/groups/member-session.ts';
import { PokeCredit } from '../../src/groups/poke-credit.ts';
import type { SimLog, SimMessage } from './sim-log.ts';

/** So few that most partitions use up their credit. */
const mostPokes = 3;

/** The pokes of a partition to one connection. */
type Poked = { readonly credit: PokeCredit; checkpoint: number; sinceCheckpoint: number; last: number };

/**
 * Sends pokes to the members on a node, within their credit; throws if a member gets too many of them, or none although
 * one is due.
 */
export class SimFeed {
  readonly #node: GroupNode;
  readonly #poked = new WeakMap<Told, Poked>();
  used = 0;
  refused = 0;

  constructor(node: GroupNode) {
    this.#node = node;
  }

  /** Called when the node has learned of a message. */
  announce(log: SimLog, { stream, position, globalPosition }: SimMessage): void {
    const name = log.nameOf(stream);
    for (const { group: known, sessions } of this.#node.watched) {
      if (known.epoch !== log.epoch) continue;
      for (const session of sessions.values()) {
        for (const told of session.told.values()) {
          const { layout, partition, generation } = told;
          if (layout !== known.layout || told.revokedAtMs !== undefined) continue;
          if (log.owner(stream, known.size) !== partition) continue;
          const record = this.#node.partitions.known(told.key);
          if (record?.held.some((held) => held.stream === name) === true) continue;
          const poke = { partition, generation, stream: name, position, globalPosition };
          if (this.#takes(told, globalPosition, record?.checkpoint)) session.send({ event: 'poke', data: poke });
        }
      }
    }
  }

  /** Acknowledgements may have been sent to another node. */
  async turn(): Promise<void> {
    const keys: string[] = [];
    for (const { sessions } of this.#node.watched) {
      for (const session of sessions.values()) {
        for (const told of session.told.values()) {
          if (this.#poked.get(told)?.credit.isUsedUp === true) keys.push(told.key);
        }
      }
    }
    if (keys.length > 0) await this.#node.partitions.readAll(keys);
  }

  #takes(told: Told, globalPosition: number, checkpoint = 0): boolean {
    const poked = this.#poked.getOrInsertComputed(told, () => {
      return { credit: new PokeCredit(mostPokes), checkpoint, sinceCheckpoint: 0, last: 0 };
    });
    if (poked.checkpoint !== checkpoint) poked.sinceCheckpoint = 0;
    poked.checkpoint = checkpoint;
    if (poked.credit.take(globalPosition, checkpoint)) {
      this.used++;
      poked.last = Math.max(poked.last, globalPosition);
      if (++poked.sinceCheckpoint > mostPokes) throw new Error(`a member has ${poked.sinceCheckpoint} pokes on credit`);
      return true;
    }
    if (globalPosition <= checkpoint) return false;
    this.refused++;
    if (checkpoint >= poked.last) throw new Error(`a member that has acknowledged ${poked.last} gets no poke`);
    return false;
  }
}
