import { expect, test } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const names = 10_000;
const sizes = Array.from({ length: 17 }, (_value, index) => index + 1);

/** Names of all shapes: several hyphens and plus signs, other scripts, long names, empty cardinal ids. */
function someNames(): string[] {
  const ids = ['1', '1+2', '+', '1-2', 'é', '😀+x', 'x'.repeat(500), '', '+x', '1+2+3', ' '];
  return Array.from(
    { length: names },
    (_value, n) => `${['a', 'account', '', 'ünï'][n % 4]}-${n % 3 === 0 ? '' : n}${ids[n % ids.length]}`,
  );
}

test.skipIf(!hasPostgres)(
  'Category, cardinal id and the member of groups of 1 to 17 are those of Message DB for 10,000 names.',
  async () => {
    await using cluster = await PostgresCluster.start();
    await using client = await cluster.connect(await cluster.create());
    const all = [...someNames(), 'a', 'a-', 'a-+x', '-', '-+'];
    const { rows } = await client.query<{
      name: string;
      category: string;
      id: string | null;
      members: (number | null)[];
    }>(
      `SELECT name, category(name) AS category, cardinal_id(name) AS id,
       ARRAY(SELECT mod(@hash_64(cardinal_id(name)), size)::int FROM unnest($2::int[]) AS size) AS members
       FROM unnest($1::text[]) AS name`,
      [all, sizes],
    );
    expect(rows.length).toBe(all.length);
    for (const { name, category, id, members } of rows) {
      const stream = new StreamName(name);
      expect([stream.category, stream.cardinalId], name).toEqual([category, id]);
      expect(
        sizes.map((size) => stream.owner(size)),
        name,
      ).toEqual(members.map((member) => member ?? -1));
    }
  },
);
