import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Grant } from '../../src/access/access.ts';
import { Namespaces } from '../../src/access/namespaces.ts';
import { ProcessTickets } from '../../src/access/process-tickets.ts';
import { Tickets } from '../../src/access/tickets.ts';
import { maxTickets, maxTicketsOfNamespace, ticketLifetimeMs } from '../../src/store/ticket-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
});

async function create(id = 'tenant') {
  const namespaces = new Namespaces(new FakeStore({ pokes: pokePool() }));
  const kept = new ProcessTickets();
  return { namespaces, kept, tickets: new Tickets(namespaces, kept), grant: await grantOf(namespaces, id) };
}

async function grantOf(namespaces: Namespaces, id: string): Promise<Grant> {
  const { namespace } = await namespaces.create({ id, description: '', token: undefined });
  return { namespace, scope: 'admin', tokenId: namespace.tokens[0]!.id, expiresAtMs: undefined, isOperator: false };
}

async function issue(tickets: Tickets, grant: Grant): Promise<string> {
  const { ticket } = await tickets.issue(grant, 'key');
  if (ticket === undefined) throw new Error('there was no room');
  return ticket;
}

test('A ticket permits its holder to read the selection it was created for, with the rights of its token.', async () => {
  const { tickets, grant } = await create();
  expect(await tickets.take(await issue(tickets, grant))).toEqual({
    namespace: grant.namespace,
    scope: 'read',
    tokenId: grant.tokenId,
    expiresAtMs: undefined,
    isOperator: false,
    boundTo: 'key',
  });
});

test('A ticket is valid once, even if it is presented twice concurrently.', async () => {
  const { tickets, kept, grant } = await create();
  const ticket = await issue(tickets, grant);
  const results = await Promise.allSettled([tickets.take(ticket), tickets.take(ticket)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  await expect(tickets.take(ticket)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN', status: 401 });
  expect(kept.size).toBe(0);
});

test('A ticket is valid for 30 seconds.', async () => {
  const { tickets, grant } = await create();
  expect(ticketLifetimeMs).toBe(30_000);
  const [first, second] = [await issue(tickets, grant), await issue(tickets, grant)];
  vi.advanceTimersByTime(ticketLifetimeMs - 1);
  await tickets.take(first);
  vi.advanceTimersByTime(1);
  await expect(tickets.take(second)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
});

test('The grant of a ticket ends with the token that created it.', async () => {
  const { namespaces, tickets, grant } = await create();
  const expiresAtMs = Date.now() + 60_000;
  const { id: tokenId } = await namespaces.createToken('tenant', { label: '', scope: 'read', expiresAtMs });
  expect(await tickets.take(await issue(tickets, { ...grant, tokenId }))).toMatchObject({ tokenId, expiresAtMs });
});

test('A ticket that was never created is refused.', async () => {
  const { tickets } = await create();
  for (const text of ['', 'x', '__proto__', 'constructor', 'A'.repeat(32)]) {
    await expect(tickets.take(text)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
  }
});

test('A ticket is invalid once its token is revoked, or its namespace is deleted and recreated.', async () => {
  const { namespaces, tickets, grant } = await create();
  const afterRevocation = await issue(tickets, grant);
  await namespaces.revokeToken('tenant', grant.tokenId!);
  await expect(tickets.take(afterRevocation)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED', status: 403 });
  const afterDeletion = await issue(tickets, { ...grant, tokenId: undefined });
  await namespaces.remove('tenant');
  await grantOf(namespaces, 'tenant');
  await expect(tickets.take(afterDeletion)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('A namespace has a bounded number of tickets, and does not use up those of others.', async () => {
  const { namespaces, tickets, kept, grant } = await create();
  const other = await grantOf(namespaces, 'other');
  for (let made = 0; made < maxTicketsOfNamespace; made++) await issue(tickets, grant);
  vi.advanceTimersByTime(10_000);
  const full = { ticket: undefined, roomInMs: ticketLifetimeMs - 10_000 };
  expect(await tickets.issue(grant, 'key')).toEqual(full);
  const first = await issue(tickets, other);
  expect(kept.size).toBe(maxTicketsOfNamespace + 1);
  // Used or expired tickets make room.
  await tickets.take(first);
  vi.advanceTimersByTime(ticketLifetimeMs - 10_000);
  await issue(tickets, grant);
  expect(kept.size).toBe(1);
});

test('The total number of tickets is bounded.', async () => {
  const { namespaces, tickets, kept } = await create();
  const grants = await Promise.all(
    Array.from({ length: maxTickets / maxTicketsOfNamespace }, (_, n) => grantOf(namespaces, `n${n}`)),
  );
  for (const grant of grants) for (let made = 0; made < maxTicketsOfNamespace; made++) await issue(tickets, grant);
  const late = await grantOf(namespaces, 'late');
  expect((await tickets.issue(late, 'key')).ticket).toBeUndefined();
  expect(kept.size).toBe(maxTickets);
  vi.advanceTimersByTime(ticketLifetimeMs);
  await issue(tickets, late);
  expect(kept.size).toBe(1);
});
