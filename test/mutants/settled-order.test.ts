import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { torture } from '../postgres/nodes/torture.ts';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { copyWith, type Mutation, testMutant } from './mutant.ts';

const file = 'src/store/postgres/settled-log.ts';

/** Safeguards against passing a position while a lower one can still appear, each removed by one textual change. */
const mutations: readonly (Mutation & { readonly title: string })[] = [
  {
    title: 'reads on behind the last position that it saw',
    file,
    from: '      if (globalPosition > decided && globalPosition !== Math.max(safe, decided) + 1) break;\n',
    to: '',
  },
  {
    title: 'does not wait at a gap for those who may fill it',
    file,
    from: '      if (gap.owners.size === 0) {',
    to: '      if (gap.owners.size >= 0) {',
  },
];

describe.skipIf(!hasPostgres)('A reader of a Message DB that', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=100ms'] });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  test.each(mutations)('$title is caught by the torture.', async (mutation) => {
    using copy = await copyWith(mutation, ['package.json', 'src']);
    const { problems } = await torture({ cluster, durationMs: 2_000, seed: 1, root: copy.path, stopsAtProblem: true });
    expect(problems).not.toEqual([]);
  });
});

// The torture test does not check this, because it would wait a minute for the lost messages.
test('A node that delivers its own commits before those with lower positions is caught by the unit tests.', async () => {
  const mutation = {
    file,
    from: '    const count = isNext ? contiguous(news, this.#safe!) : 0;',
    to: '    const count = isNext ? news.length : 0;',
  };
  expect(await testMutant(mutation, ['test/unit/settled-log.test.ts'])).not.toEqual([]);
});
