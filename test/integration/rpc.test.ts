import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { maxBodyNesting } from '../../src/message/payload.ts';
import { version } from '../../src/version.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin, callRpc, RpcClient } from './rpc-client.ts';

const message = { type: 'Happened', data: {} };

let open: TestApp;
let closed: TestApp;

beforeAll(async () => {
  open = await startTestApp(['--test-mode', `--token=${admin}`]);
  closed = await startTestApp([`--token=${admin}`]);
});

afterAll(async () => {
  await open.close();
  await closed.close();
});

describe('The envelope (section 4)', () => {
  test.each([
    ['an empty body', ''],
    ['a syntax error', '["sys.version"'],
    ['trailing garbage', '["sys.version"] x'],
    ['two values', '["sys.version"]["sys.version"]'],
    ['a byte order mark', '\ufeff["sys.version"]'],
    ['a number out of range', '["sys.version",1e309]'],
    ['a number out of range by its digits', `["sys.version",${'9'.repeat(310)}]`],
    ['a number out of range in a payload', '["stream.write","a-1",{"type":"T","data":{"n":-1e999}}]'],
    ['a number out of range that a later member of the same name hides', '["sys.version",{"a":1e999,"a":1}]'],
    ['an object', '{"method":"sys.version"}'],
    ['a string', '"sys.version"'],
    ['a number', '1'],
    ['a boolean', 'true'],
  ])('refuses %s as malformed.', async (_what, body) => {
    const answer = await callRpc(open.url, body);
    expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(answer.body.error.details.error).toEqual(expect.any(String));
  });

  test('refuses bytes that are not UTF-8.', async () => {
    const body = new Uint8Array(Buffer.from('["sys.version","\xff"]', 'latin1'));
    const response = await fetch(`${open.url}/rpc`, { method: 'POST', body });
    expect(response.status).toBe(400);
  });

  test('accepts numbers that only look large.', async () => {
    const data = `{"text":"1e999","small":1e-400,"zeros":0.${'0'.repeat(250)}1}`;
    expect((await callRpc(open.url, `["stream.write","numbers-1",{"type":"T","data":${data}}]`)).status).toBe(200);
    expect((await callRpc(open.url, '["stream.last","numbers-1"]')).text).toContain(data);
  });

  test.each([
    ['[]', 'Missing method name'],
    ['null', 'Missing method name'],
    ['[1]', 'Method name must be a string'],
    ['[null]', 'Method name must be a string'],
    ['[["sys.version"]]', 'Method name must be a string'],
  ])('refuses %s with the sentence "%s".', async (body, sentence) => {
    const answer = await callRpc(open.url, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: { code: 'INVALID_REQUEST', message: sentence } });
  });

  test.each(['nothing', '', 'Sys.version', 'sys.version ', 'constructor', '__proto__', 'toString'])(
    'refuses an unknown method "%s".',
    async (name) => {
      const answer = await callRpc(open.url, [name]);
      expect([answer.status, answer.body.error.code]).toEqual([404, 'METHOD_NOT_FOUND']);
    },
  );

  test('counts the nesting of the whole body.', async () => {
    const nested = (levels: number) => `["sys.version",${'['.repeat(levels)}${']'.repeat(levels)}]`;
    expect((await callRpc(open.url, nested(maxBodyNesting - 1))).status).toBe(200);
    const refused = await callRpc(open.url, nested(maxBodyNesting));
    expect([refused.status, refused.body.error.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  test('ignores surplus arguments, and unknown members of options and messages.', async () => {
    const written = { ...message, id: 'no UUID', position: 7 };
    const answer = await callRpc(open.url, ['stream.write', 'surplus-1', written, { unknown: [] }, 'more', null]);
    expect([answer.status, answer.body.position]).toEqual([200, 0]);
    expect((await callRpc(open.url, ['sys.version', 1, {}])).status).toBe(200);
  });

  test('uses the last of several equal members.', async () => {
    const body = '["stream.write","twice-1",{"type":"A","data":{"n":1},"type":"B","data":{"n":2}},{"id":"x","id":""}]';
    expect((await callRpc(open.url, body)).status).toBe(200);
    const { body: last } = await callRpc(open.url, ['stream.last', 'twice-1']);
    expect([last[1], last[4]]).toEqual(['B', { n: 2 }]);
  });

  test('may contain white space anywhere.', async () => {
    const body = ' \r\n[ "stream.write" ,\t"space-1" , { "type" : "T" , "data" : { "a" : 1 } } , { } ] \n';
    expect((await callRpc(open.url, body)).status).toBe(200);
  });
});

describe('Headers (section 2)', () => {
  test('A success has status 200, JSON without charset, and ends with a newline.', async () => {
    const answer = await callRpc(open.url, ['sys.version']);
    expect([answer.status, answer.text]).toEqual([200, `"${version}"\n`]);
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  test.each([
    ['application/json; charset=utf-8'],
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/octet-stream'],
    ['multipart/form-data; boundary=x'],
    ['nonsense'],
    ['/;;='],
    [''],
  ])('A body of type "%s" is read as JSON.', async (type) => {
    const answer = await callRpc(open.url, ['sys.version'], { headers: { 'content-type': type, accept: 'text/html' } });
    expect([answer.status, answer.body]).toEqual([200, version]);
  });

  test('A body without any type, in chunks, is read as JSON.', async () => {
    const text = await exchange(
      open.port,
      'POST /rpc HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n["sys.version"]\r\n0\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('Other routes still refuse a body that is not sent as JSON.', async () => {
    const body = JSON.stringify(message);
    const response = await fetch(`${open.url}/streams/a-1/messages`, { method: 'POST', body });
    expect(response.status).toBe(415);
  });

  test('A compressed body is not decompressed.', async () => {
    const headers = { 'content-encoding': 'gzip' };
    expect((await callRpc(open.url, ['sys.version'], { headers })).status).toBe(200);
  });

  test.each([
    ['/rpc', 'POST'],
    ['/rpc', 'GET'],
    ['/health', 'GET'],
    ['/nowhere', 'GET'],
    ['/streams/a-1/messages', 'POST'],
    ['/subscribe', 'GET'],
    ['/%zz', 'GET'],
  ])('The answer of %s to %s names the server.', async (path, method) => {
    const response = await fetch(open.url + path, { method });
    await response.body?.cancel();
    expect(response.headers.get('server')).toBe(`EventoDB/${version}`);
  });

  test('An event stream and a refused credential have the Server header too.', async () => {
    const abort = new AbortController();
    const stream = await fetch(`${open.url}/subscribe?all=true`, { signal: abort.signal });
    abort.abort();
    expect(stream.headers.get('server')).toBe(`EventoDB/${version}`);
    const refused = await callRpc(closed.url, ['sys.version'], { headers: { 'x-request-id': 'asked-1' } });
    expect([refused.status, refused.headers.get('server')]).toEqual([401, `EventoDB/${version}`]);
    expect(refused.headers.get('x-request-id')).toBe('asked-1');
  });

  test('In test mode an answer to a request without credential offers the token of default.', async () => {
    const offered = async (request: object) =>
      (await callRpc(open.url, ['sys.version'], request)).headers.get('x-eventodb-token');
    expect(await offered({})).toBe(admin);
    expect(await offered({ query: '?token=' })).toBe(admin);
    expect(await offered({ token: admin })).toBeNull();
    expect(await offered({ query: `?token=${admin}` })).toBeNull();
    expect(await offered({ token: 'malformed' })).toBeNull();
    expect(await offered({ headers: { authorization: 'Basic eDp5' } })).toBeNull();
    expect((await open.get('/streams')).headers.get('x-eventodb-token')).toBeNull();
  });

  test('Outside test mode no token is offered, even if none is required.', async () => {
    await using app = await startTestApp();
    expect((await callRpc(app.url, ['sys.version'])).headers.get('x-eventodb-token')).toBeNull();
    expect((await callRpc(closed.url, ['sys.version'])).headers.get('x-eventodb-token')).toBeNull();
  });
});

describe('HTTP methods (section 1)', () => {
  test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('%s is refused with 405 and Allow.', async (method) => {
    const answer = await callRpc(open.url, 'not JSON', { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
    expect(answer.headers.get('content-type')).toBe('application/json');
    if (method !== 'HEAD') expect(answer.body.error.code).toBe('INVALID_REQUEST');
  });

  test('A request without a token is refused before its method is checked.', async () => {
    expect((await callRpc(closed.url, '', { method: 'GET' })).status).toBe(401);
    expect((await callRpc(closed.url, '', { method: 'DELETE', token: newToken('nobody') })).status).toBe(403);
    expect((await callRpc(closed.url, '', { method: 'GET', token: admin })).status).toBe(405);
  });

  test('A trailing slash is another path.', async () => {
    const response = await fetch(`${open.url}/rpc/`, { method: 'POST', body: '["sys.version"]' });
    expect(response.status).toBe(404);
    expect(((await response.json()) as { error: { code: string } }).error.code).toBe('NOT_FOUND');
  });
});

describe('Authentication (section 3.1)', () => {
  const bearer = (authorization: string) => ({ headers: { authorization } });

  test.each([
    ['no credential', {}, 401, 'AUTH_REQUIRED'],
    ['an empty query token', { query: '?token=' }, 401, 'AUTH_REQUIRED'],
    ['a header without scheme', bearer(admin), 401, 'AUTH_REQUIRED'],
    ['another scheme', bearer(`Basic ${admin}`), 401, 'AUTH_REQUIRED'],
    ['a token without prefix', { token: admin.slice(3) }, 401, 'AUTH_INVALID_TOKEN'],
    ['a token of two parts', { token: 'ns_ZGVmYXVsdA' }, 401, 'AUTH_INVALID_TOKEN'],
    ['a secret of 63 digits', { token: admin.slice(0, -1) }, 401, 'AUTH_INVALID_TOKEN'],
    ['a secret of 65 digits', { token: `${admin}0` }, 401, 'AUTH_INVALID_TOKEN'],
    ['a secret that is not hexadecimal', { token: `${admin.slice(0, -1)}g` }, 401, 'AUTH_INVALID_TOKEN'],
    ['padded base64', { token: `ns_ZGVmYXVsdA==_${'0'.repeat(64)}` }, 401, 'AUTH_INVALID_TOKEN'],
    ['an empty namespace', { token: `ns__${'0'.repeat(64)}` }, 401, 'AUTH_INVALID_TOKEN'],
    ['an unknown namespace', { token: newToken('nobody') }, 403, 'AUTH_UNAUTHORIZED'],
    ['another secret', { token: `${admin.slice(0, -1)}1` }, 403, 'AUTH_UNAUTHORIZED'],
  ])('With tokens, %s is refused whatever is called.', async (_what, request, status, code) => {
    for (const body of ['["sys.version"]', '["ns.create","x"]', '["nothing"]', '[]', 'not JSON']) {
      const answer = await callRpc(closed.url, body, request);
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
      expect(answer.headers.get('content-type')).toBe('application/json');
    }
  });

  test('A refusal names the error in the token, or the namespace it names.', async () => {
    const malformed = await callRpc(closed.url, ['sys.version'], { token: 'ns_x' });
    expect(malformed.body.error.details).toEqual({ error: expect.any(String) });
    const unknown = await callRpc(closed.url, ['sys.version'], { token: newToken('nobody') });
    expect(unknown.body.error.details).toEqual({ namespace: 'nobody' });
  });

  test('A valid token is accepted from the header and from the query, where the query takes precedence.', async () => {
    expect((await callRpc(closed.url, ['sys.version'], { token: admin })).status).toBe(200);
    expect((await callRpc(closed.url, ['sys.version'], { query: `?token=${admin}` })).status).toBe(200);
    expect((await callRpc(closed.url, ['sys.version'], { query: `?token=${admin}`, token: 'x' })).status).toBe(200);
    expect((await callRpc(closed.url, ['sys.version'], { query: '?token=x', token: admin })).status).toBe(401);
    expect((await callRpc(closed.url, ['sys.version'], { query: '?token=', token: admin })).status).toBe(200);
  });

  test.each([
    ['no credential', {}],
    ['a header without scheme', bearer(admin)],
    ['a malformed token', { token: 'invalid-token-format' }],
    ['another secret', { token: `${admin.slice(0, -1)}1` }],
  ])('In test mode %s means the namespace default.', async (what, request) => {
    const stream = `credential-${what.replaceAll(' ', '')}`;
    expect((await callRpc(open.url, ['stream.write', stream, message], request)).status).toBe(200);
    expect((await callRpc(open.url, ['stream.version', stream], { token: admin })).body).toBe(0);
  });

  test('In test mode a namespace is created on first use, and its token keeps working.', async () => {
    const token = newToken('first-use');
    expect((await callRpc(open.url, ['stream.write', 'a-1', message], { token })).body.globalPosition).toBe(1);
    const info = await callRpc(open.url, ['ns.info', 'first-use'], { token });
    expect(info.body).toMatchObject({ description: 'Auto-created in test mode', messageCount: 1 });
  });
});

describe('Sizes (section 9)', () => {
  test('A body beyond the limit is refused with 413, INVALID_REQUEST and the word size.', async () => {
    await using app = await startTestApp(['--test-mode', '--body-limit-bytes', '2048']);
    const answer = await callRpc(app.url, ['stream.write', 'a-1', { type: 'T', data: { text: 'x'.repeat(4096) } }]);
    expect([answer.status, answer.body.error.code]).toEqual([413, 'INVALID_REQUEST']);
    expect(answer.body.error.message).toContain('size');
    expect(answer.body.error.details).toEqual({ bodyLimitBytes: 2048 });
    expect(answer.headers.get('content-type')).toBe('application/json');
  });

  test('On resource routes the same refusal keeps its own code.', async () => {
    await using app = await startTestApp(['--test-mode', '--body-limit-bytes', '2048']);
    const { status, body } = await app.append('a-1', { type: 'T', data: { text: 'x'.repeat(4096) } });
    expect([status, body.error.code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  test('A message of 150 KB is returned unchanged.', async () => {
    const client = new RpcClient(open.url, admin);
    const data = { text: 'ß'.repeat(75_000) };
    await client.write('large-1', { type: 'Large', data });
    expect((await client.get('large-1'))[0]![4]).toEqual(data);
  });
});

/** Sends bytes and returns everything received until the server closes. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(request);
  let text = '';
  for await (const bytes of socket) text += String(bytes);
  return text;
}
