import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PostgresStore } from '../../src/store/postgres/postgres-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { newMessage, newMessages, pokePool } from '../support/fake-messages.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const options = () => ({ pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 });
const write = "SELECT write_message($1, $2, 'Written', '{}')";

describe.skipIf(!hasPostgres)('An append that transactions of others get in the way of', () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await PostgresCluster.start({ settings: ['deadlock_timeout=20ms'] });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  /** A store whose appends share one lane, so that those of one turn share a transaction. */
  async function openLog(database: string) {
    const store = await PostgresStore.open(`${cluster.url(database)}?lanes=1`, options());
    return { store, log: store.log((await store.namespaces.find('default'))!.log) };
  }

  /** Stored messages, as a follower receives them. */
  async function placesOf(database: string): Promise<string[]> {
    await using client = await cluster.connect(database);
    const { rows } = await client.query<{ place: string }>(
      "SELECT stream_name || '/' || position || '@' || global_position AS place FROM messages ORDER BY global_position",
    );
    return rows.map(({ place }) => place);
  }

  /** Makes the database refuse this many inserts of the type `Refused`, like PostgreSQL itself. */
  async function refuse(database: string, state: string, times: number): Promise<void> {
    await using owner = await cluster.connect(database);
    await owner.query(`
      CREATE SEQUENCE public.refusals;
      CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        IF NEW.type = 'Refused' AND nextval('public.refusals') <= ${times} THEN
          RAISE EXCEPTION 'refused' USING ERRCODE = '${state}';
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON message_store.messages FOR EACH ROW EXECUTE FUNCTION public.refuse()`);
  }

  test.each(['40P01', '40001'])(
    'is repeated until it succeeds, however often it is refused with %s.',
    async (state) => {
      const database = await cluster.create();
      await refuse(database, state, 6);
      const { store, log } = await openLog(database);
      const appends = [
        log.append('a-1', [newMessage({ type: 'Refused' })], -1),
        log.append('b-1', newMessages(1), -1),
        log.append('a-1', newMessages(1), 0),
      ];
      expect((await Promise.all(appends)).map(({ outcome }) => outcome)).toEqual(Array(3).fill('appended'));
      const streams = (await placesOf(database)).map((place) => place.split('@')[0]);
      expect(streams.toSorted()).toEqual(['a-1/0', 'a-1/1', 'b-1/0']);
      await store.close();
    },
  );

  test.each(['55P03', '57014'])(
    'is answered with BACKEND_ERROR when it is refused with %s, while appends to other categories are stored.',
    async (state) => {
      const database = await cluster.create();
      await refuse(database, state, 1_000);
      const { store, log } = await openLog(database);
      const refused = log.append('a-1', [newMessage({ type: 'Refused' })], undefined);
      const others = ['b-1', 'c-1', 'b-1'].map((stream) => log.append(stream, newMessages(1), undefined));
      await expect(refused).rejects.toMatchObject({ code: 'BACKEND_ERROR' });
      expect((await Promise.all(others)).map(({ outcome }) => outcome)).toEqual(Array(3).fill('appended'));
      expect((await placesOf(database)).map((place) => place.split('@')[0])).toEqual(['b-1/0', 'b-1/1', 'c-1/0']);
      await store.close();
    },
  );

  test('waits for the lock of its category at most five seconds per attempt, while other categories continue.', async () => {
    const database = await cluster.create();
    const { store, log } = await openLog(database);
    await using service = await cluster.connect(database, 'message_store');
    await service.query('BEGIN');
    await service.query(write, [randomUUID(), 'held-1']);
    const held = [1, 2, 3].map(() => log.append('held-1', newMessages(1), undefined));
    const free = log.append('free-1', newMessages(1), undefined);
    for (const { status } of await Promise.allSettled(held)) expect(status).toBe('rejected');
    expect((await free).outcome).toBe('appended');
    await service.query('COMMIT');
    expect(await log.append('held-1', newMessages(1), 0)).toMatchObject({ outcome: 'appended', position: 1 });
    expect((await placesOf(database)).length).toBe(3);
    await store.close();
  });

  test('is stored once although other transactions lock its category and others in another order.', async () => {
    const database = await cluster.create();
    const { store, log } = await openLog(database);
    const follower = new ReferenceFollower(log);
    let deadlocks = 0;
    const stopped = new AbortController();
    const others = Array.from({ length: 4 }, async (_value, writer) => {
      await using service = await cluster.connect(database, 'message_store');
      while (!stopped.signal.aborted) {
        const categories = [0, 1, 2, 3].map((category) => `hot${writer % 2 === 0 ? category : 3 - category}`);
        try {
          await service.query('BEGIN');
          for (const category of categories) await service.query(write, [randomUUID(), `${category}-foreign${writer}`]);
          await service.query('COMMIT');
        } catch (error) {
          expect(error).toMatchObject({ code: '40P01' });
          deadlocks++;
          await service.query('ROLLBACK');
        }
      }
    });
    for (let n = 0; n < 20 || deadlocks === 0; n++) {
      const group = [0, 1, 2, 3].map((category) => log.append(`hot${category}-own`, newMessages(1), n - 1));
      for (const { outcome } of await Promise.all(group)) expect(outcome).toBe('appended');
    }
    stopped.abort();
    await Promise.all(others);
    const told = await follower.finish();
    expect(told.filter((place) => place.startsWith('hot0-own')).length).toBeGreaterThanOrEqual(20);
    expect(told).toEqual(await placesOf(database));
    await store.close();
  });
});
