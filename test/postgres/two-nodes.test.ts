import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initStore } from '../../src/store/init-store.ts';
import { maxTicketsOfNamespace } from '../../src/store/ticket-store.ts';
import { ServerProcess } from '../support/server-process.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const token = `ns_${Buffer.from('default').toString('base64url')}_${'ab'.repeat(32)}`;
const body = JSON.stringify({ category: ['a'] });

describe.skipIf(!hasPostgres)('Two processes over one initialized Message DB', () => {
  let cluster: PostgresCluster;
  let database: string;
  let one: ServerProcess;
  let other: ServerProcess;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    database = await cluster.create();
    await initStore(cluster.url(database, 'postgres'), 'message_store');
    const flags = ['--store', cluster.url(database), '--auth', 'token'];
    one = await ServerProcess.start([...flags, '--token', token]);
    other = await ServerProcess.start(flags);
  });
  afterAll(async () => {
    await one?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  function ask(node: ServerProcess, path: string, by: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${by}`, 'content-type': 'application/json' };
    return fetch(`${node.url}${path}`, { headers, ...init });
  }

  async function rpc(node: ServerProcess, ...call: readonly unknown[]): Promise<Record<string, string>> {
    const response = await ask(node, '/rpc', token, { method: 'POST', body: JSON.stringify(call) });
    expect(response.status).toBe(200);
    return (await response.json()) as Record<string, string>;
  }

  async function ticketOf(node: ServerProcess): Promise<string> {
    const response = await ask(node, '/subscribe/ticket', token, { method: 'POST', body });
    expect(response.status).toBe(201);
    return ((await response.json()) as { ticket: string }).ticket;
  }

  async function subscribe(node: ServerProcess, ticket: string): Promise<number> {
    const response = await fetch(`${node.url}/subscribe?category=a&ticket=${ticket}`);
    await response.body?.cancel();
    return response.status;
  }

  test('accept a token created by the other one at once, and refuse one that it revoked.', async () => {
    for (const [maker, user] of [
      [one, other],
      [other, one],
    ] as const) {
      expect((await ask(user, '/streams', token)).status).toBe(200);
      const made = await rpc(maker, 'ns.token.create', 'default', { scope: 'read' });
      expect((await ask(user, '/streams', made.token!)).status).toBe(200);
      const subscribed = await ask(user, '/subscribe?all=true', made.token!);
      await rpc(maker, 'ns.token.revoke', 'default', made.tokenId);
      expect(await subscribed.text()).toContain('retry:');
      await expect.poll(async () => (await ask(user, '/streams', made.token!)).status, { timeout: 30_000 }).toBe(403);
    }
  });

  test('accept tickets of each other, and only one of several concurrent requests with the same ticket.', async () => {
    expect(await subscribe(other, await ticketOf(one))).toBe(200);
    for (let turn = 0; turn < 10; turn++) {
      const ticket = await ticketOf(turn % 2 === 0 ? one : other);
      const statuses = await Promise.all([one, other, one, other].map((node) => subscribe(node, ticket)));
      expect(statuses.toSorted()).toEqual([200, 401, 401, 401]);
      expect(await subscribe(one, ticket)).toBe(401);
    }
  });

  test('refuse a ticket that is thirty seconds old by the clock of the database, and delete it.', async () => {
    await using owner = await cluster.connect(database);
    const ticket = await ticketOf(one);
    await owner.query("UPDATE pokewire.tickets SET expires_at = expires_at - interval '30 seconds'");
    expect(await subscribe(other, ticket)).toBe(401);
    await ticketOf(one);
    await owner.query("UPDATE pokewire.tickets SET expires_at = expires_at - interval '30 seconds'");
    await ticketOf(other);
    const { rows } = await owner.query('SELECT count(*)::int AS count FROM pokewire.tickets');
    expect(rows).toEqual([{ count: 1 }]);
  });

  test('have a bounded total number of tickets, and report when another one is possible.', async () => {
    await using owner = await cluster.connect(database);
    await owner.query(
      `INSERT INTO pokewire.tickets SELECT 'h' || n, NULL, 'x', clock_timestamp() + interval '20 seconds'
       FROM generate_series(1, ${maxTicketsOfNamespace}) n`,
    );
    const refused = await ask(other, '/subscribe/ticket', token, { method: 'POST', body });
    expect(refused.status).toBe(429);
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(30);
    await owner.query('DELETE FROM pokewire.tickets');
    expect(await subscribe(one, await ticketOf(other))).toBe(200);
  });
});
