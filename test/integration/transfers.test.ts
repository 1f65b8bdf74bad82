import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { ended, type ImportAnswer, ImportRequest, importBody, recordAt, records } from '../support/import-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const admin = newToken('default');
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A server with a namespace that has a second, revocable token. */
async function startWithTenant(flags: readonly string[] = []) {
  const app = await startTestApp(['--token', admin, ...flags]);
  const { token: own } = await app.namespaces.create({ id: 'tenant', description: '', token: undefined });
  const { id, token } = await app.namespaces.createToken('tenant', {
    label: '',
    scope: 'admin',
    expiresAtMs: undefined,
  });
  return {
    app,
    own,
    token,
    revoke: () => app.namespaces.revokeToken('tenant', id),
    exported: async () => (await fetch(`${app.url}/export`, { headers: bearer(own) })).text(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** More than sockets buffer, so that an export waits for its reader. */
async function fill({ url }: TestApp, token: string): Promise<void> {
  const large = Array.from({ length: 60 }, (_value, n) =>
    recordAt(`a-1/${n}@${n + 1}`, { data: { text: 'x'.repeat(500_000) } }),
  );
  expect((await importBody(`${url}/import`, large.join(''), bearer(token))).events).toMatchObject([{ imported: 60 }]);
}

/** An export whose first piece was read; `readOn` reads the rest. */
async function beginExport({ url }: TestApp, token: string) {
  const response = await fetch(`${url}/export`, { headers: bearer(token) });
  const reader = response.body!.getReader();
  expect([response.status, (await reader.read()).done]).toEqual([200, false]);
  return {
    async readOn(): Promise<void> {
      while (!(await reader.read()).done);
    },
  };
}

const failed = (sending: ImportRequest): Promise<ImportAnswer> => sending.answer;

test('Revoking its token ends an import with an error that says so; earlier batches remain.', async () => {
  await using tenant = await startWithTenant();
  const sending = new ImportRequest(`${tenant.app.url}/import`, bearer(tenant.token));
  await sending.send(records(1_500));
  await expect.poll(() => sending.events).toHaveLength(1);
  await tenant.revoke();
  const { status, events } = await failed(sending);
  expect([status, events]).toEqual([
    200,
    [
      { imported: 1_000, known: 0, gpos: 1_000 },
      { error: 'AUTH_UNAUTHORIZED', message: 'The token has been revoked or has expired.', line: 1_500 },
    ],
  ]);
  expect(await tenant.exported()).toBe(ended(records(1_000)));
});

test('An import whose body continues ends when its token is revoked, and further data is read and dropped.', async () => {
  await using tenant = await startWithTenant();
  const headers = { ...bearer(tenant.token), connection: 'keep-alive' };
  const sending = new ImportRequest(`${tenant.app.url}/import?force=true`, headers);
  let sent = 0;
  const sendOne = async () => {
    await sending.send(records(1, ++sent));
    // A write that completes synchronously would not let anything else run.
    await nextTurn();
  };
  await sendOne();
  await expect.poll(() => tenant.app.transfers.underWay.size).toBe(1);
  await tenant.revoke();
  while (!sending.events.some(({ error }) => error !== undefined)) await sendOne();
  for (let more = 0; more < 100; more++) await sendOne();
  expect((await sending.end()).events.at(-1)).toMatchObject({ error: 'AUTH_UNAUTHORIZED' });
  // Nothing was replaced.
  expect(await tenant.exported()).toBe(ended(''));
});

test('An import ends when its namespace is deleted, even while no data arrives.', async () => {
  await using tenant = await startWithTenant();
  const sending = new ImportRequest(`${tenant.app.url}/import?force=true`, bearer(tenant.token));
  await sending.send(records(2));
  await expect.poll(() => tenant.app.transfers.underWay.size).toBe(1);
  await tenant.app.namespaces.remove('tenant');
  const { events } = await failed(sending);
  expect(events).toMatchObject([{ error: 'IMPORT_FAILED', message: 'The namespace has been deleted.' }]);
});

test('Revoking its token breaks the connection of an export, so that it cannot be mistaken for a complete one.', async () => {
  await using tenant = await startWithTenant();
  await fill(tenant.app, tenant.own);
  const ending = await beginExport(tenant.app, tenant.token);
  const staying = await beginExport(tenant.app, tenant.own);
  await tenant.revoke();
  await expect.poll(() => tenant.app.transfers.underWay.size).toBe(1);
  await expect(ending.readOn()).rejects.toThrow();
  await staying.readOn();
});

test('An export is cut off when its log is replaced, even by a longer one.', async () => {
  await using tenant = await startWithTenant();
  await fill(tenant.app, tenant.own);
  const ending = await beginExport(tenant.app, tenant.own);
  const { events } = await importBody(`${tenant.app.url}/import?force=true`, ended(records(100)), bearer(tenant.own));
  expect(events).toMatchObject([{ imported: 100 }]);
  await expect(ending.readOn()).rejects.toThrow();
  expect(await tenant.exported()).toBe(ended(records(100)));
});

test('Imports and exports beyond the limit are refused with a retry time, and running ones continue.', async () => {
  await using tenant = await startWithTenant(['--max-transfers', '3', '--max-transfers-per-namespace', '2']);
  const { app, own } = tenant;
  await fill(app, own);
  const exporting = await beginExport(app, own);
  const sending = new ImportRequest(`${app.url}/import`, bearer(own));
  await sending.send(records(1, 1_000));
  await expect.poll(() => app.transfers.underWay.size).toBe(2);
  const refused = await fetch(`${app.url}/export`, { headers: bearer(own) });
  expect([refused.status, ((await refused.json()) as { error: object }).error]).toEqual([
    429,
    {
      code: 'RATE_LIMITED',
      message: '2 imports and exports of namespace tenant are running, which is the limit. Retry later.',
      details: { maxTransfersPerNamespace: 2 },
    },
  ]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
  // Another namespace gets the third transfer, and a fourth one is refused.
  const third = new ImportRequest(`${app.url}/import`, bearer(admin));
  await third.send(records(1));
  await expect.poll(() => app.transfers.underWay.size).toBe(3);
  const beyond = await importBody(`${app.url}/import`, '', bearer(admin));
  expect([beyond.status, beyond.text]).toEqual([429, expect.stringContaining('"maxTransfers":3')]);
  expect(beyond.headers['retry-after']).toMatch(/^\d+$/);

  await exporting.readOn();
  expect((await sending.end()).events).toMatchObject([{ done: true }]);
  expect((await third.end()).events).toMatchObject([{ done: true }]);
  await expect.poll(() => app.transfers.underWay.size).toBe(0);
});

test('By default namespaces with many imports leave the last quarter to others.', async () => {
  await using tenant = await startWithTenant();
  const { app } = tenant;
  const tokens: string[] = [];
  for (const id of ['busy-1', 'busy-2', 'busy-3', 'fourth', 'fifth']) {
    tokens.push((await app.namespaces.create({ id, description: '', token: undefined })).token);
  }
  const [fourth, fifth] = tokens.slice(3);
  const underWay: ImportRequest[] = [];
  const begin = async (token: string) => {
    const sending = new ImportRequest(`${app.url}/import`, bearer(token));
    await sending.send(records(1));
    underWay.push(sending);
    await expect.poll(() => app.transfers.underWay.size).toBe(underWay.length);
  };
  for (const token of tokens.slice(0, 3)) for (let count = 0; count < 8; count++) await begin(token);
  await begin(fourth!);
  const refused = await importBody(`${app.url}/import`, '', bearer(fourth!));
  expect([refused.status, JSON.parse(refused.text).error]).toEqual([
    429,
    {
      code: 'RATE_LIMITED',
      message:
        'Most of the 32 imports and exports are in use, and the rest are reserved for namespaces with few of them. Retry later.',
      details: { maxTransfers: 32 },
    },
  ]);
  await begin(fifth!);
  for (const sending of underWay) expect((await sending.end()).events.at(-1)).toMatchObject({ done: true });
  await expect.poll(() => app.transfers.underWay.size).toBe(0);
});

test('The quota is released when the client leaves.', async () => {
  await using tenant = await startWithTenant(['--max-transfers', '1']);
  for (const method of ['POST /import', 'GET /export']) {
    for (let turn = 0; turn < 3; turn++) {
      const socket = connect(tenant.app.port, '127.0.0.1');
      const more = method.startsWith('POST') ? 'Transfer-Encoding: chunked\r\n' : '';
      socket.write(`${method} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tenant.own}\r\n${more}\r\n`);
      if (method.startsWith('POST')) await expect.poll(() => tenant.app.transfers.underWay.size).toBe(1);
      socket.destroy();
      await expect.poll(() => tenant.app.transfers.underWay.size).toBe(0);
    }
  }
});

/** The server's end of the next connection, which is in this process too. */
function nextAccepted(): Promise<Socket> {
  return new Promise((resolve) => {
    const accepted = (message: unknown) => {
      unsubscribe('net.server.socket', accepted);
      resolve((message as { socket: Socket }).socket);
    };
    subscribe('net.server.socket', accepted);
  });
}

test.each(['/export', '/streams/a-1/messages?batchSize=-1', '/streams/large-1/messages'])(
  'A reader that reads nothing of %s is disconnected.',
  async (path) => {
    await using tenant = await startWithTenant(['--stall-timeout-ms', '200', '--body-limit-bytes', '33554432']);
    const { app, own } = tenant;
    await fill(app, own);
    const large = { type: 'T', data: { text: 'x'.repeat(30_000_000) } };
    expect((await app.append('large-1', large, `token=${own}`)).status).toBe(201);
    const accepted = nextAccepted();
    const socket = connect(app.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${own}\r\n\r\n`);
    const cut = once(await accepted, 'close');
    await once(socket, 'data');
    socket.pause();
    await cut;
    socket.destroy();
    await expect.poll(() => app.transfers.underWay.size).toBe(0);
  },
);
