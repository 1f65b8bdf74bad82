import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../load/soak/random.ts';
import type { Member } from './member.ts';

/** Something that happens, and is over when it resolves. */
export type Fault = {
  readonly name: string;
  /** How often beside the others. */
  readonly weight: number;
  /** Whether it takes the log away: everybody is told all of it before, and begins anew behind. */
  readonly endsLog?: boolean;
  inflict(random: Random): Promise<void>;
};

const leastAwayMs = 500;
const mostAwayMs = 2_500;
const mostFrozenMs = 10_000;

const away = (random: Random) => delay(leastAwayMs + random.below(mostAwayMs - leastAwayMs));

/** One of them is killed, and started again a little later. */
export function killOne(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = async (random: Random) => {
    const member = random.pick(members);
    await member.end();
    await away(random);
    await member.revive();
  };
  return { name, weight, inflict };
}

/** One of them is stopped where it stands, for ten seconds at most. */
export function freezeOne(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = (random: Random) => random.pick(members).freeze(random.below(mostFrozenMs));
  return { name, weight, inflict };
}

/** Each of them is stopped in order and started, one after the other. */
export function restartAll(name: string, members: readonly Member[], weight = 1): Fault {
  const inflict = async () => {
    for (const member of members) {
      await member.end('SIGTERM');
      await member.revive();
    }
  };
  return { name, weight, inflict };
}

/** All but one are killed at once, and started again a little later. */
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
