import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Selection } from '../../src/message/selection.ts';
import { readLastPlace, readPlaces } from '../../src/store/postgres/read-pokes.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const selectionOf = (...streams: readonly string[]): Selection => ({
  all: false,
  streams,
  categories: [],
  group: null,
  fromPosition: 0,
});

describe.skipIf(!hasPostgres)('A subscription to streams from a global position', () => {
  let cluster: PostgresCluster;
  let client: pg.Client & AsyncDisposable;
  let head = 0;
  /** Blocks that statements read since the last reset. */
  let blocks = 0;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    client = await cluster.connect(await cluster.create());
    const insert = (stream: string, position: string, from: number, to: number) =>
      client.query(
        `INSERT INTO messages (stream_name, position, id, type, data)
         SELECT ${stream}, ${position}, gen_random_uuid(), 'Written', '{}' FROM generate_series(${from}, ${to}) n`,
      );
    // A long stream at the start of the log, followed by many short ones.
    await insert("'long-1'", 'n', 0, 29_999);
    await insert("'short-' || n % 1000", 'n / 1000', 0, 29_999);
    await insert("'long-1'", 'n', 30_000, 30_009);
    // Rows deleted by an administrator.
    await client.query("DELETE FROM messages WHERE stream_name = 'short-7' AND position IN (0, 1, 5, 6, 7, 13, 29)");
    await client.query('ANALYZE messages');
    const { rows } = await client.query('SELECT max(global_position)::int AS head FROM messages');
    head = rows[0].head;
  });
  afterAll(async () => {
    await client?.end();
    await cluster?.[Symbol.asyncDispose]();
  });

  async function query<Row extends readonly unknown[]>(text: string, values: readonly unknown[] = []) {
    const explained = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, [...values]);
    const { Plan: plan } = explained.rows[0]['QUERY PLAN'][0];
    blocks += plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    const { rows, command } = await client.query({ text, values: [...values], rowMode: 'array' });
    return { rows: rows.map(([g, stream, p]) => [Number(g), stream, Number(p)]) as unknown as Row[], command };
  }

  /** The stream's rows after a global position, by a scan. */
  async function scan(stream: string, after: number): Promise<number[]> {
    const text =
      'SELECT global_position::int AS g FROM messages WHERE stream_name = $1 AND global_position > $2 ORDER BY 1';
    return (await client.query<{ g: number }>(text, [stream, after])).rows.map(({ g }) => g);
  }

  test('begins after it, even if messages were deleted, and ends at the last one.', async () => {
    const all = await scan('short-7', 0);
    expect(all.length).toBe(23);
    for (const after of [0, ...all.flatMap((global) => [global - 1, global]), head]) {
      const { places, atEnd } = await readPlaces(query, selectionOf('short-7'), after, 100, head);
      const expected = await scan('short-7', after);
      expect(places.map(({ globalPosition }) => globalPosition)).toEqual(expected);
      expect(atEnd).toBe(true);
      expect(await readLastPlace(query, selectionOf('short-7'), after, head)).toBe(expected.at(-1) ?? after);
      const last = await readLastPlace(query, selectionOf('short-7'), after, head - 5_000);
      expect(last).toBe(expected.findLast((global) => global <= head - 5_000) ?? after);
    }
    const both = await readPlaces(query, selectionOf('short-7', 'long-1', 'short-8', 'none-1'), 30_000, 100, head);
    const expected = await Promise.all(['short-7', 'long-1', 'short-8'].map((stream) => scan(stream, 30_000)));
    expect(both.places.map(({ globalPosition }) => globalPosition)).toEqual(expected.flat().toSorted((a, b) => a - b));
  });

  test.each([
    ['in the middle of a long stream', 'long-1', 15_000],
    ['at the end of a stream whose last messages are far apart from the others', 'long-1', 30_000],
    ['after everything', 'long-1', 60_010],
    ['of a short stream', 'short-9', 45_000],
    ['of a stream that does not exist', 'none-1', 0],
  ])('looks at few blocks: %s.', async (_name, stream, after) => {
    blocks = 0;
    await readPlaces(query, selectionOf(stream), after, 50, head);
    expect(blocks).toBeLessThan(250);
    blocks = 0;
    await readLastPlace(query, selectionOf(stream), after, head);
    expect(blocks).toBeLessThan(400);
  });
});
