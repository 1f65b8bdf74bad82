import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

const message = '{"type":"T","data":{}}';

test.each(['bearer', 'BEARER', 'bEaReR', 'Bearer ', 'bearer  '])(
  'The scheme %j counts as Bearer (RFC 9110, 11.1 and 11.4).',
  async (scheme) => {
    const headers = (token: string) => ({ authorization: `${scheme} ${token}`, 'content-type': 'application/json' });
    await using closed = await startTestApp(['--token', admin, '--metrics-token', 'scrape']);
    expect((await fetch(`${closed.url}/streams`, { headers: headers(admin) })).status).toBe(200);
    expect((await fetch(`${closed.url}/metrics`, { headers: headers('scrape') })).status).toBe(200);
    expect((await fetch(`${closed.url}/session`, { method: 'POST', headers: headers(admin) })).status).toBe(204);
    // In test mode a token names its namespace, here not `default`.
    await using open = await startTestApp(['--test-mode']);
    const init = { method: 'POST', headers: headers(newToken('tenant')), body: message };
    expect((await fetch(`${open.url}/streams/a-1/messages`, init)).status).toBe(201);
    expect((await open.get('/streams/a-1')).status).toBe(404);
  },
);

test.each([
  ['ports', (n: number) => `203.0.113.7:${50_000 + n}`],
  ['brackets and ports', (n: number) => `[2001:db8::1]:${50_000 + n}`],
  ['other addresses of the network', (n: number) => `2001:db8::${n + 1}`],
  ['another spelling', (n: number) => ['2001:DB8::1', '2001:db8:0:0::1', '[2001:0db8::1]', '2001:db8::1%eth0'][n % 4]!],
  ['the address it claims', (n: number) => `198.51.100.${n}, 203.0.113.7`],
  ['junk', (n: number) => `unknown-${n}`],
  ['junk before a trusted proxy', (n: number) => `203.0.113.7, _${n}, 127.0.0.1`],
])('A subscriber behind a trusted proxy is one address, whatever changes: %s.', async (_what, forwardedFor) => {
  await using app = await startTestApp(['--trusted-proxies', '127.0.0.1', '--max-subscriptions-per-address', '1']);
  await using stack = new AsyncDisposableStack();
  const statuses = [];
  for (let n = 0; n < 5; n++) {
    const options = { headers: { 'X-Forwarded-For': forwardedFor(n) }, accept: '*/*' };
    statuses.push(stack.use(await SseClient.connect(app.port, '/subscribe?all=true', options)).head.status);
  }
  expect(statuses).toEqual([200, 503, 503, 503, 503]);
});

test('Two subscribers whose addresses include ports count as two addresses.', async () => {
  await using app = await startTestApp(['--trusted-proxies', '127.0.0.1', '--max-subscriptions-per-address', '1']);
  await using stack = new AsyncDisposableStack();
  for (const address of ['203.0.113.7:1', '203.0.113.8:1', '[2001:db8:1::1]:1', '[2001:db8:2::1]:1']) {
    const options = { headers: { 'X-Forwarded-For': address }, accept: '*/*' };
    const client = stack.use(await SseClient.connect(app.port, '/subscribe?all=true', options));
    expect([address, client.head.status]).toEqual([address, 200]);
  }
});
