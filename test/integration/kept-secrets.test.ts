import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashToken, newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { RpcClient } from './rpc-client.ts';

// Random, because the zeros in other tests' token occur everywhere.
const adminToken = newToken('default');

/** A server with known and used tokens, created in every way, and tickets. */
async function startWithSecrets(flags: readonly string[]) {
  const app = await startTestApp([`--token=${adminToken}`, ...flags]);
  const operator = new RpcClient(app.url, adminToken);
  const given = `ns_${Buffer.from('given').toString('base64url')}_${'5ec4e7'.padEnd(64, '0123456789abcdef')}`;
  await operator.createNamespace('given', { token: given });
  const { token: made } = await operator.createNamespace('made');
  const admin = new RpcClient(app.url, made);
  const { token: reader } = await admin.call('ns.token.create', 'made', { scope: 'read', label: 'reader' });
  const { token: revoked, tokenId } = await admin.call('ns.token.create', 'made', { scope: 'write' });
  await new RpcClient(app.url, revoked).write('a-1', { type: 'T', data: {} });
  await admin.call('ns.token.revoke', 'made', tokenId);
  const ask = async (method: string, path: string, token: string, body?: string) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    return fetch(app.url + path, { method, headers, ...(body !== undefined && { body }) });
  };
  const issue = async () =>
    ((await (await ask('POST', '/subscribe/ticket', reader, '{"all":true}')).json()) as { ticket: string }).ticket;
  const [waiting, used] = [await issue(), await issue()];
  await using client = await SseClient.connect(app.port, `/subscribe?all=true&ticket=${used}`);
  expect(client.head.status).toBe(200);
  await ask('POST', '/session', reader);
  return { app, operator, admin, ask, tokens: [adminToken, given, made, reader, revoked], tickets: [waiting, used] };
}

/** Every form in which a secret could be found. */
function formsOf(secret: string): Buffer[] {
  const hexadecimal = secret.slice(secret.lastIndexOf('_') + 1);
  const isToken = secret.startsWith('ns_');
  return [
    Buffer.from(secret),
    Buffer.from(Buffer.from(secret).toString('base64')),
    Buffer.from(Buffer.from(secret).toString('hex')),
    ...(isToken ? [Buffer.from(hexadecimal), Buffer.from(hexadecimal, 'hex')] : [Buffer.from(secret, 'base64url')]),
  ];
}

const holds = (bytes: Buffer, secret: string) => formsOf(secret).some((form) => bytes.includes(form));

describe('Tokens and tickets are kept as hashes:', () => {
  test('no file of a database, nor a copy of it, contains one, although it contains the hashes', async () => {
    using folder = new TemporaryFolder();
    const { app, ask, tokens, tickets } = await startWithSecrets([`--store=sqlite:${folder.file('a.db')}`]);
    const backup = Buffer.from(await (await ask('POST', '/backup', adminToken)).arrayBuffer());
    const readFiles = () =>
      readdirSync(folder.path).map((name): [string, Buffer] => [name, readFileSync(join(folder.path, name))]);
    const open = readFiles();
    await app.close();
    const places = [['backup', backup] as const, ...open, ...readFiles()];
    for (const [name, bytes] of places) {
      expect([name, [...tokens, ...tickets].filter((secret) => holds(bytes, secret))]).toEqual([name, []]);
    }
    // Shows that the search would find something: the hash is stored in this form.
    const hash = hashToken(tokens[2]!);
    const found = places.filter(([, bytes]) => bytes.includes(hash) || bytes.includes(Buffer.from(hash, 'hex')));
    expect(found.map(([name]) => name)).toEqual(expect.arrayContaining(['backup', 'a.db']));
  });

  test.each(['memory', 'sqlite'])(
    'no list of a store in %s and no answer of a route contains a secret',
    async (engine) => {
      using folder = new TemporaryFolder();
      const flags = engine === 'memory' ? [] : [`--store=sqlite:${folder.file('a.db')}`];
      const { app, operator, admin, ask, tokens, tickets } = await startWithSecrets(flags);
      const told = [
        JSON.stringify(await app.namespaces.list()),
        await app.metrics.registry.metrics(),
        ...(await Promise.all(
          ['/streams', '/categories', '/export', '/metrics', '/ready', '/openapi.json', '/diagnose/connection'].map(
            async (path) => (await ask('GET', path, adminToken)).text(),
          ),
        )),
        JSON.stringify(await operator.call('ns.list')),
        JSON.stringify(await operator.call('ns.info', 'given')),
        JSON.stringify(await operator.call('ns.token.list', 'given')),
        JSON.stringify(await admin.call('ns.token.list', 'made')),
      ];
      await app.close();
      expect(told[0]).toContain(hashToken(tokens[2]!));
      for (const text of told) {
        expect([...tokens, ...tickets].filter((secret) => holds(Buffer.from(text), secret))).toEqual([]);
        if (text !== told[0]) for (const token of tokens) expect(text).not.toContain(hashToken(token));
      }
    },
  );
});
