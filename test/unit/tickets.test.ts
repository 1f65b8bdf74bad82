import { expect, test } from 'vitest';
import type { Grant } from '../../src/access/access.ts';
import { Namespaces } from '../../src/access/namespaces.ts';
import { maxTickets, maxTicketsOfNamespace, Tickets, ticketLifetimeMs } from '../../src/access/tickets.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

const nowMs = 1_000_000;

async function create(id = 'tenant') {
  const namespaces = new Namespaces(new FakeStore({ pokes: pokePool() }));
  return { namespaces, tickets: new Tickets(namespaces), grant: await grantOf(namespaces, id) };
}

async function grantOf(namespaces: Namespaces, id: string): Promise<Grant> {
  const { namespace } = await namespaces.create({ id, description: '', token: undefined });
  return { namespace, scope: 'admin', tokenId: namespace.tokens[0]!.id, expiresAtMs: undefined, isOperator: false };
}

function issue(tickets: Tickets, grant: Grant, atMs = nowMs, key = 'key'): string {
  const { ticket } = tickets.issue(grant, key, atMs);
  if (ticket === undefined) throw new Error('there was no room');
  return ticket;
}

test('A ticket lets its holder read by the token it was made with, what it was made for.', async () => {
  const { tickets, grant } = await create();
  expect(await tickets.take(issue(tickets, grant), nowMs)).toEqual({
    namespace: grant.namespace,
    scope: 'read',
    tokenId: grant.tokenId,
    expiresAtMs: undefined,
    isOperator: false,
    boundTo: 'key',
  });
});

test('A ticket is good once, also when it is shown twice at the same time.', async () => {
  const { tickets, grant } = await create();
  const ticket = issue(tickets, grant);
  const results = await Promise.allSettled([tickets.take(ticket, nowMs), tickets.take(ticket, nowMs)]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  await expect(tickets.take(ticket, nowMs)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN', status: 401 });
  expect(tickets.size).toBe(0);
});

test('A ticket is good for 30 seconds.', async () => {
  const { tickets, grant } = await create();
  expect(ticketLifetimeMs).toBe(30_000);
  await tickets.take(issue(tickets, grant), nowMs + ticketLifetimeMs - 1);
  await expect(tickets.take(issue(tickets, grant), nowMs + ticketLifetimeMs)).rejects.toMatchObject({
    code: 'AUTH_INVALID_TOKEN',
  });
});

test('What a ticket allows ends when the token does that it was made with.', async () => {
  const { namespaces, tickets, grant } = await create();
  const expiresAtMs = Date.now() + 60_000;
  const { id: tokenId } = await namespaces.createToken('tenant', { label: '', scope: 'read', expiresAtMs });
  expect(await tickets.take(issue(tickets, { ...grant, tokenId }), nowMs)).toMatchObject({ tokenId, expiresAtMs });
});

test('A ticket that nobody made is refused.', async () => {
  const { tickets } = await create();
  for (const text of ['', 'x', '__proto__', 'constructor', 'A'.repeat(32)]) {
    await expect(tickets.take(text, nowMs)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
  }
});

test('A ticket is no longer good when its token is revoked, or its namespace is deleted and made anew.', async () => {
  const { namespaces, tickets, grant } = await create();
  const afterRevocation = issue(tickets, grant);
  await namespaces.revokeToken('tenant', grant.tokenId!);
  await expect(tickets.take(afterRevocation, nowMs)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED', status: 403 });
  const afterDeletion = issue(tickets, { ...grant, tokenId: undefined });
  await namespaces.remove('tenant');
  await grantOf(namespaces, 'tenant');
  await expect(tickets.take(afterDeletion, nowMs)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
});

test('A namespace has a bounded number of tickets, and leaves room for others.', async () => {
  const { namespaces, tickets, grant } = await create();
  const other = await grantOf(namespaces, 'other');
  for (let made = 0; made < maxTicketsOfNamespace; made++) issue(tickets, grant, nowMs + made);
  expect(tickets.issue(grant, 'key', nowMs)).toEqual({ ticket: undefined, roomAtMs: nowMs + ticketLifetimeMs });
  const first = issue(tickets, other);
  // Used or expired tickets make room.
  await tickets.take(first, nowMs);
  issue(tickets, grant, nowMs + ticketLifetimeMs);
  expect(tickets.size).toBe(maxTicketsOfNamespace);
});

test('There is a bounded number of tickets in all.', async () => {
  const { namespaces, tickets } = await create();
  const grants = await Promise.all(
    Array.from({ length: maxTickets / maxTicketsOfNamespace }, (_, n) => grantOf(namespaces, `n${n}`)),
  );
  for (const grant of grants) for (let made = 0; made < maxTicketsOfNamespace; made++) issue(tickets, grant);
  const late = await grantOf(namespaces, 'late');
  expect(tickets.issue(late, 'key', nowMs).ticket).toBeUndefined();
  expect(tickets.size).toBe(maxTickets);
  issue(tickets, late, nowMs + ticketLifetimeMs);
  expect(tickets.size).toBe(1);
});
