import { join } from 'node:path';
import { expect, test } from 'vitest';
import { soak } from '../../load/soak/soak.ts';

/** `npm run soak` is the long run; this one has the same parts, with little load because others run beside it. */
const settings = { durationMs: 60_000, namespaces: 2, rate: 30, churn: 30, attackers: false };
/** It ends by itself long before; on a machine that is busy a little later. */
const timeout = 240_000;

test.each(['memory', 'sqlite'] as const)(
  'After a minute of mixed load, cuts, stalls and deleted namespaces in a %s store nothing is missing, and nothing is kept.',
  {
    timeout,
  },
  async (store) => {
    const seed = Date.now() % 2 ** 31;
    const said: string[] = [`seed ${seed}`];
    const root = join(import.meta.dirname, '../..');
    const { verdicts, problems } = await soak({ root, ...settings, store, seed, say: (text) => said.push(text) });
    expect(problems, said.join('\n')).toEqual([]);
    expect(
      verdicts.filter(({ met }) => !met),
      said.join('\n'),
    ).toEqual([]);
  },
);
