import { join } from 'node:path';
import { test } from 'vitest';
import { soak } from '../../load/soak/soak.ts';

/** A short version of `npm run soak` made of the same parts, with little load, because both stores and other tests run at the same time. */
const settings = { durationMs: 60_000, namespaces: 2, rate: 30, churn: 30, attackers: false };
/** The test normally ends long before, and somewhat later on a busy machine. */
const timeout = 240_000;

test.concurrent.for(['memory', 'sqlite'] as const)(
  'After a minute of mixed load, cuts, stalls and deleted namespaces in a %s store nothing is missing, and nothing is left over.',
  {
    timeout,
  },
  async (store, { expect }) => {
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
