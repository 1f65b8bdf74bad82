import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';
import { calls, makeClient, subscribeByTicket } from './client/calls.ts';
import { Description, type Operation } from './description.ts';

const token = `ns_ZGVmYXVsdA_${'a'.repeat(64)}`;
const flags = ['--auth', 'token', '--token', token];

// openapi-typescript needs an older TypeScript than Pokewire, installed next to it.
const beside = createRequire(new URL('../../tools/openapi-client/package.json', import.meta.url));

async function generateTypes(document: unknown): Promise<string> {
  const { default: generate, astToString } = await import(pathToFileURL(beside.resolve('openapi-typescript')).href);
  return astToString(await generate(document));
}

/** Compiler errors of the calls with these types. */
function checkCalls(types: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'pokewire-client-'));
  writeFileSync(join(directory, 'description.d.ts'), types);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true },
    ...{ target: 'esnext', module: 'nodenext', moduleResolution: 'nodenext', types: ['node'] },
    typeRoots: [fileURLToPath(new URL('../../node_modules/@types', import.meta.url))],
    paths: { 'pokewire-description': [join(directory, 'description.d.ts')] },
  };
  const files = [fileURLToPath(new URL('./client/calls.ts', import.meta.url))];
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const { stdout, stderr } = spawnSync(process.execPath, [beside.resolve('typescript/bin/tsc'), '-p', directory], {
    encoding: 'utf8',
  });
  rmSync(directory, { recursive: true });
  return stdout + stderr;
}

/** Sends a request and reads the body: of an endless stream only the start, of a group member's stream until it owns a partition. */
async function ask(...request: Parameters<typeof fetch>): Promise<{ response: Response; body: string }> {
  const response = await fetch(...request);
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    return { response, body: await response.text() };
  }
  const awaited = new URL(response.url).searchParams.has('group') ? 'event: assigned' : '\n';
  const decoder = new TextDecoder();
  let body = '';
  for await (const chunk of response.body!) {
    body += decoder.decode(chunk, { stream: true });
    if (body.includes(awaited)) break;
  }
  return { response, body };
}

test('openapi-typescript generates types with which every operation can be called.', async () => {
  await using app = await startSqliteApp(flags);
  const description = await Description.of(app, token);
  expect(Object.keys(calls).toSorted()).toEqual(description.operations.map(({ id }) => id).toSorted());
  expect(checkCalls(await generateTypes(description.document))).toBe('');
});

test('A generated client calls every operation, and each answer matches the description.', async () => {
  await using app = await startSqliteApp(flags);
  const description = await Description.of(app, token);
  for (const [id, call] of Object.entries(calls)) {
    let answer: Awaited<ReturnType<typeof ask>> | undefined;
    const client = makeClient(app.url, token, async (request) => {
      answer = await ask(request);
      const { response, body } = answer;
      return new Response(response.status === 204 ? null : body, response);
    });
    await call(client);
    const { response, body } = answer!;
    expect(response.ok, `${id}: ${response.status} ${body}`).toBe(true);
    await description.expectFits(description.operations.find((operation) => operation.id === id)!, response, body);
  }
});

test('A generated client subscribes with a ticket instead of a token.', async () => {
  await using app = await startTestApp(flags);
  const fetchStart = async (request: Request) => {
    const { response, body } = await ask(request);
    return new Response(body, response);
  };
  const [issuing, subscribing] = [token, undefined].map((given) => makeClient(app.url, given, fetchStart));
  const response = await subscribeByTicket(issuing!, subscribing!);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
});

type Wrong = { readonly name: string; readonly request: (operation: Operation) => RequestInit & { query?: string } };

const json = { 'content-type': 'application/json' };
const withToken = { authorization: `Bearer ${token}` };
const bodyOf = (operation: Operation, body: string) => (operation.takesBody ? { body } : {});

const wrongs: readonly Wrong[] = [
  { name: 'no credential', request: (operation) => ({ headers: json, ...bodyOf(operation, '{}') }) },
  {
    name: 'a token that is none',
    request: (operation) => ({ headers: { ...json, authorization: 'Bearer no-token' }, ...bodyOf(operation, '{}') }),
  },
  {
    name: 'an unknown parameter',
    request: (operation) => ({ headers: { ...json, ...withToken }, query: '?nonsense=1', ...bodyOf(operation, '{}') }),
  },
  {
    name: 'a body that is no JSON',
    request: (operation) => ({ headers: { ...json, ...withToken }, ...bodyOf(operation, '{"') }),
  },
  {
    name: 'a body of another type',
    request: (operation) => ({ headers: { 'content-type': 'text/plain', ...withToken }, ...bodyOf(operation, '{}') }),
  },
  {
    name: 'a body that is too large',
    request: (operation) => ({ headers: { ...json, ...withToken }, ...bodyOf(operation, `"${'x'.repeat(2_000)}"`) }),
  },
];

test.each(wrongs)('Every operation answers a request with $name as described.', async ({ request }) => {
  await using app = await startTestApp([...flags, '--body-limit-bytes', '1024']);
  const description = await Description.of(app, token);
  for (const operation of description.operations) {
    const { query = '', ...init } = request(operation);
    const path = operation.path.replace('{stream}', 'account-1').replace('{category}', 'account');
    const { response, body } = await ask(app.url + path + query, { method: operation.method, ...init });
    await description.expectFits(operation, response, body);
  }
});
