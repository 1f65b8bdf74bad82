import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

/** Sends a request verbatim, including Host, and returns the answer. */
async function ask(app: TestApp, line: string, host: string | undefined, more = ''): Promise<string> {
  const socket = connect(app.port, '127.0.0.1');
  const header = host === undefined ? '' : `Host: ${host}\r\n`;
  socket.write(`${line}\r\n${header}${more}Connection: close\r\n\r\n`);
  return text(socket);
}

const statusOf = (answer: string) => Number(answer.slice(9, 12));
const rebound = 'rebound.example:8080';

const routes = [
  'GET /streams',
  'GET /streams/a-1/messages',
  'GET /categories',
  'GET /export',
  'GET /subscribe?all=true',
  'HEAD /subscribe?all=true',
  'POST /subscribe/ticket',
  'POST /streams/a-1/messages',
  'POST /rpc',
  'POST /import?force=true',
  'POST /session',
  'DELETE /session',
  'OPTIONS /streams',
  'GET /',
  'GET /docs',
  'GET /reference',
  'GET /browse',
  'GET /diagnose',
  'GET /openapi.json',
  'GET /metrics',
  'GET /health',
  'GET /ready',
  'GET /version',
  'GET /nowhere',
  'PUT /streams',
];

test.each(routes)(
  'Without authentication %s refuses a page whose name was made to resolve to 127.0.0.1.',
  async (route) => {
    await using app = await startTestApp();
    const answer = await ask(app, `${route} HTTP/1.1`, rebound, 'Content-Length: 0\r\n');
    expect(statusOf(answer)).toBe(421);
    expect(answer).toMatch(/^server: EventoDB.*^cache-control: no-store\r$.*^x-content-type-options: nosniff\r$/ms);
    expect(app.hub.subscriptions.size).toBe(0);
  },
);

test('The refusal names the host and the setting.', async () => {
  await using app = await startTestApp();
  const answer = await ask(app, 'GET /streams HTTP/1.1', rebound);
  const { error } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
  expect(error).toEqual({
    code: 'HOST_NOT_ALLOWED',
    message:
      'This server does not serve the host "rebound.example:8080". To allow it, start the server with this name in ' +
      '--allowed-hosts (POKEWIRE_ALLOWED_HOSTS); a proxy can also set Host to localhost.',
    details: { host: rebound },
  });
});

test('A target in absolute form takes precedence over the header.', async () => {
  await using app = await startTestApp();
  expect(statusOf(await ask(app, 'GET http://rebound.example/streams HTTP/1.1', 'localhost'))).toBe(421);
  expect(statusOf(await ask(app, 'GET http://localhost/streams HTTP/1.1', 'rebound.example'))).toBe(200);
});

test('An HTTP/1.0 client without Host is answered.', async () => {
  await using app = await startTestApp();
  expect(statusOf(await ask(app, 'GET /streams HTTP/1.0', undefined))).toBe(200);
});

test('Names of --allowed-hosts are answered, on every port.', async () => {
  await using app = await startTestApp(['--allowed-hosts', 'pokes.example,*.dev.example']);
  for (const host of ['pokes.example', 'pokes.example:8443', 'a.dev.example', 'localhost', `127.0.0.1:${app.port}`]) {
    expect([host, statusOf(await ask(app, 'GET /streams HTTP/1.1', host))]).toEqual([host, 200]);
  }
  expect(statusOf(await ask(app, 'GET /streams HTTP/1.1', rebound))).toBe(421);
});

test('The same host is refused or answered consistently.', async () => {
  await using app = await startTestApp();
  for (const host of [rebound, 'localhost', rebound, 'localhost']) {
    expect(statusOf(await ask(app, 'GET /health HTTP/1.1', host))).toBe(host === rebound ? 421 : 200);
  }
});

test('With --insecure on all addresses, requests to other names are refused, and those to addresses answered.', async () => {
  await using app = await startTestApp(['--host', '0.0.0.0', '--insecure']);
  expect(statusOf(await ask(app, 'GET /streams HTTP/1.1', rebound))).toBe(421);
  expect(statusOf(await ask(app, 'GET /streams HTTP/1.1', '192.0.2.7:8080'))).toBe(200);
});

test('With authentication every host is answered, since a page that rebinds has no token; --allowed-hosts restricts them.', async () => {
  const admin = newToken('default');
  const authorization = `Authorization: Bearer ${admin}\r\n`;
  await using open = await startTestApp(['--token', admin, '--allowed-hosts', '*']);
  expect(statusOf(await ask(open, 'GET /streams HTTP/1.1', rebound, authorization))).toBe(200);
  expect(statusOf(await ask(open, 'GET /streams HTTP/1.1', rebound))).toBe(401);
  await using narrow = await startTestApp(['--token', admin, '--allowed-hosts', 'pokes.example']);
  expect(statusOf(await ask(narrow, 'GET /streams HTTP/1.1', rebound, authorization))).toBe(421);
  expect(statusOf(await ask(narrow, 'GET /streams HTTP/1.1', 'pokes.example', authorization))).toBe(200);
});
