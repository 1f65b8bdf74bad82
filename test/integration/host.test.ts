import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { startTestApp } from '../support/start-app.ts';

/** Sends raw bytes and resolves to everything received until the server closes. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write(text);
  let received = '';
  for await (const piece of socket) received += piece;
  return received;
}

test.each([
  ['two Host lines', 'Host: x\r\nHost: x\r\n', '1.1'],
  ['two Host lines, over HTTP/1.0', 'Host: x\r\nhost: y\r\n', '1.0'],
  ['an empty Host', 'Host:\r\n', '1.1'],
  ['a Host with a path', 'Host: x/y\r\n', '1.1'],
  ['a Host with credentials', 'Host: user@x\r\n', '1.1'],
  ['a Host with a port that is none', 'Host: x:y\r\n', '1.1'],
  ['a list of hosts', 'Host: x, y\r\n', '1.1'],
  ['half a literal', 'Host: [::1\r\n', '1.1'],
  ['a literal that is no address', 'Host: [::1::]\r\n', '1.1'],
  ['a port beyond all ports', 'Host: x:65536\r\n', '1.1'],
  ['a port of forty digits', `Host: x:${'9'.repeat(40)}\r\n`, '1.1'],
])('A request with %s is refused, and its connection closed.', async (_what, lines, httpVersion) => {
  await using app = await startTestApp();
  const answer = await sendRaw(app.port, `GET /health HTTP/${httpVersion}\r\n${lines}\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*connection: close[\s\S]*"field":"Host"/);
});

test.each([
  'x.example:8080',
  '127.0.0.1',
  '[::1]:3000',
  '[v1.a]',
  'x:65535',
  'a_b',
  'x.example:',
  'xn--bcher-kva.example',
  '%C3%BC',
])('A request for the host %s is answered.', async (host) => {
  await using app = await startTestApp(['--allowed-hosts', '*']);
  const answer = await sendRaw(app.port, `GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test.each(['/streams', '/streams?token=nobody', '/subscribe?all=true', '/metrics'])(
  'The refusal of %s names the scheme of authentication.',
  async (path) => {
    await using app = await startTestApp(['--token', newToken('default')]);
    const { status, headers } = await app.get(path);
    expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="pokewire"']);
  },
);
