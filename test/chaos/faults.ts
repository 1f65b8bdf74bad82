import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../load/soak/random.ts';
import type { Member } from './member.ts';

/** A fault, which is over when it resolves. */
export type Fault = {
  readonly name: string;
  /** Frequency relative to other faults. */
  readonly weight: number;
  /** Whether it removes the log: before it all pokes are delivered, and after it all subscribers start over. */
  readonly endsLog?: boolean;
  inflict(random: Random): Promise<void>;
};

const leastAwayMs = 500;
const mostAwayMs = 2_500;
const mostFrozenMs = 10_000;

const away = (random: Random) => delay(leastAwayMs + random.below(mostAwayMs - leastAwayMs));

/** Kills one of them, and restarts it a little later. */
export function killOne(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = async (random: Random) => {
    const member = random.pick(members);
    await member.end();
    await away(random);
    await member.revive();
  };
  return { name, weight, inflict };
}

/** Freezes one of them, for ten seconds at most. */
export function freezeOne(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = (random: Random) => random.pick(members).freeze(random.below(mostFrozenMs));
  return { name, weight, inflict };
}

/** Restarts each of them normally, one after another. */
export function restartAll(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = async () => {
    for (const member of members) {
      await member.end('SIGTERM');
      await member.revive();
    }
  };
  return { name, weight, inflict };
}

/** Kills all but one at once, and restarts them a little later. */
export function killMost(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = async (random: Random) => {
    const spared = random.pick(members);
    const killed = members.filter((member) => member !== spared);
    await Promise.all(killed.map((member) => member.end()));
    await away(random);
    await Promise.all(killed.map((member) => member.revive()));
  };
  return { name, weight, inflict };
}
