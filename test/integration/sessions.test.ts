import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

const message = '{"type":"T","data":{}}';
const json = { 'content-type': 'application/json' };

function ask(app: TestApp, path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  return fetch(app.url + path, { redirect: 'manual', ...init, headers });
}

/** Starts a session and returns the cookie as a browser sends it. */
async function beginSession(app: TestApp, token = admin): Promise<string> {
  const response = await ask(app, '/session', { authorization: `Bearer ${token}` }, { method: 'POST' });
  expect(response.status).toBe(204);
  return response.headers.getSetCookie()[0]!.split(';', 1)[0]!;
}

test('A session is a cookie that scripts cannot read and other sites cannot use.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const response = await ask(app, '/session', { authorization: `Bearer ${admin}` }, { method: 'POST' });
  expect(response.headers.getSetCookie()).toEqual([`pokewire=${admin}; Path=/; HttpOnly; SameSite=Strict`]);
  expect(response.headers.get('cache-control')).toBe('no-store');
});

test.each(['https', 'HTTPS', 'https, http'])(
  'Behind a proxy that forwards %s, the cookie is sent back by https only.',
  async (scheme) => {
    await using app = await startTestApp(['--token', admin]);
    const headers = { authorization: `Bearer ${admin}`, 'x-forwarded-proto': scheme };
    const response = await ask(app, '/session', headers, { method: 'POST' });
    expect(response.headers.getSetCookie()).toEqual([
      `__Host-pokewire=${admin}; Path=/; HttpOnly; Secure; SameSite=Strict`,
    ]);
  },
);

test('The cookie permits the same as its token: reading, subscribing, the pages.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const cookie = await beginSession(app);
  for (const path of ['/streams', '/docs', '/docs/page.js', '/reference', '/openapi.json', '/metrics']) {
    expect([path, (await ask(app, path, { cookie })).status]).toEqual([path, 200]);
  }
  await using client = await SseClient.connect(app.port, '/subscribe?all=true', { headers: { cookie } });
  expect(client.head.status).toBe(200);
});

test('A cookie is the last credential checked: tokens in query and header take precedence.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const cookie = await beginSession(app);
  expect((await ask(app, '/streams', { cookie, authorization: 'Bearer nonsense' })).status).toBe(401);
  expect((await ask(app, `/streams?token=${newToken('nobody')}`, { cookie })).status).toBe(403);
  expect((await ask(app, '/streams', { cookie: 'pokewire=nonsense', authorization: `Bearer ${admin}` })).status).toBe(
    200,
  );
});

test.each([
  ['the page itself', { 'sec-fetch-site': 'same-origin' }, 201],
  ['the page itself, by a browser that sends the origin only', { origin: 'SELF' }, 201],
  ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
  ['another site, by a browser that sends the origin only', { origin: 'https://evil.example' }, 403],
  ['another site that claims to be ours', { 'sec-fetch-site': 'cross-site', origin: 'SELF' }, 403],
  ['another port of this host', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' }, 403],
  ['a page without an origin', { origin: 'null' }, 403],
  ['a page of an unknown site', {}, 403],
])('By cookie only our own page may append: %s.', async (_who, given, status) => {
  // Origins of --cors-origins may send requests, but not with the cookie.
  await using app = await startTestApp(['--token', admin, '--cors-origins', 'https://evil.example']);
  const headers: Record<string, string> = { ...json, ...given, cookie: await beginSession(app) };
  if (headers.origin === 'SELF') headers.origin = app.url;
  const response = await ask(app, '/streams/a-1/messages', headers, { method: 'POST', body: message });
  expect(response.status).toBe(status);
  expect((await app.get(`/streams/a-1?token=${admin}`)).status).toBe(status === 201 ? 200 : 404);
});

test('A session ends with its token, and a subscription by cookie with it.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { token, id } = await app.namespaces.createToken('default', {
    label: '',
    scope: 'read',
    expiresAtMs: undefined,
  });
  const cookie = await beginSession(app, token);
  await using client = await SseClient.connect(app.port, '/subscribe?all=true', { headers: { cookie } });
  await app.namespaces.revokeToken('default', id);
  expect((await ask(app, '/streams', { cookie })).status).toBe(403);
  await client.closed;
  expect(client.parser.events).toMatchObject([{ type: 'end', data: '{"code":"revoked"}' }]);
});

test('DELETE /session clears the cookies, even if their token is no longer valid.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const response = await ask(app, '/session', { cookie: 'pokewire=gone' }, { method: 'DELETE' });
  expect(response.status).toBe(204);
  const cookies = response.headers.getSetCookie();
  expect(cookies.map((cookie) => cookie.split('=', 1)[0]).sort()).toEqual(['__Host-pokewire', 'pokewire']);
  for (const cookie of cookies) expect(cookie).toMatch(/=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970/);
});

test('A session begins only with a valid token in the header.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const begin = (path: string, headers: Record<string, string>) => ask(app, path, headers, { method: 'POST' });
  expect((await begin('/session', {})).status).toBe(401);
  expect((await begin('/session', { authorization: `Bearer ${newToken('nobody')}` })).status).toBe(403);
  const both = await begin(`/session?token=${admin}`, { authorization: 'Bearer nonsense' });
  expect([both.status, both.headers.getSetCookie()]).toEqual([400, []]);
  const byCookie = await begin('/session', { cookie: `pokewire=${admin}`, 'sec-fetch-site': 'same-origin' });
  expect(byCookie.status).toBe(400);
});

test('/docs?token= turns the token into a session and redirects to the page without it.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const response = await ask(app, `/docs?token=${admin}`, { 'sec-fetch-site': 'none' });
  expect([response.status, response.headers.get('location')]).toEqual([303, 'docs']);
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  expect(response.headers.get('cache-control')).toBe('no-store');
  const [cookie] = response.headers.getSetCookie();
  const page = await ask(app, '/docs', { cookie: cookie!.split(';', 1)[0]! });
  expect([page.status, page.headers.get('referrer-policy')]).toEqual([200, 'no-referrer']);
  expect(await response.text()).not.toContain(admin);
});

test('/docs?token= sets no cookie for an invalid token, nor for a link on a page of another site.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const invalid = await ask(app, `/docs?token=${newToken('default')}`);
  expect([invalid.status, invalid.headers.getSetCookie()]).toEqual([403, []]);
  const foreign = await ask(app, `/docs?token=${admin}`, { 'sec-fetch-site': 'cross-site' });
  expect([foreign.status, foreign.headers.getSetCookie()]).toEqual([403, []]);
});

test('The reference and the browser of streams send no referrer either.', async () => {
  await using app = await startTestApp();
  for (const path of ['/reference', '/browse']) {
    expect((await ask(app, path)).headers.get('referrer-policy')).toBe('no-referrer');
  }
});

test('Without authentication there are no sessions: cookies are neither set nor read.', async () => {
  await using app = await startTestApp();
  const token = newToken('tenant');
  const begun = await ask(app, '/session', { authorization: `Bearer ${token}` }, { method: 'POST' });
  expect([begun.status, begun.headers.getSetCookie()]).toEqual([204, []]);
  expect((await ask(app, `/docs?token=${token}`)).status).toBe(200);
  await ask(app, '/streams/a-1/messages', { ...json, cookie: `pokewire=${token}` }, { method: 'POST', body: message });
  expect((await app.get('/streams/a-1')).status).toBe(200);
});

test.each([
  ['a program', {}, 201],
  ['our own page', { 'sec-fetch-site': 'same-origin' }, 201],
  ['a page of an allowed origin', { 'sec-fetch-site': 'cross-site', origin: 'https://ours.example' }, 201],
  ['a page of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 403],
  ['a page of another site by an old browser', { origin: 'https://evil.example' }, 403],
])(
  'Without authentication a visitor’s browser does not write on behalf of pages of other sites: %s.',
  async (_who, given, status) => {
    await using app = await startTestApp(['--cors-origins', 'https://ours.example']);
    const init = { method: 'POST', body: message };
    expect((await ask(app, '/streams/a-1/messages', { ...json, ...given }, init)).status).toBe(status);
    const call = { method: 'POST', body: '["stream.version","a-1"]' };
    const expected = status === 201 ? [200, 415] : [403];
    // Other headers, or a token, make no difference.
    const rpc = await ask(app, `/rpc?token=${newToken('default')}`, { 'content-type': 'text/plain', ...given }, call);
    expect(expected).toContain(rpc.status);
  },
);

test('If the browser does not report the origin of a link to /docs?token=, the visitor is asked, and no cookie is set.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const path of ['/docs', '/diagnose']) {
    const response = await ask(app, `${path}?token=${admin}`, { referer: 'https://evil.example/' });
    const text = await response.text();
    expect([response.status, response.headers.getSetCookie(), response.headers.get('cache-control')]).toEqual([
      200,
      [],
      'no-store',
    ]);
    expect(text).toContain('Start a session?');
    expect(text).not.toContain(admin);
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  }
});

test.each([
  ['cross-site', 'https://evil.example'],
  ['same-site', 'http://localhost:1'],
  [undefined, 'https://evil.example'],
  [undefined, 'null'],
])(
  'POST /session by a page of another site (%s, %s) sets no cookie, even if that page may call the API.',
  async (site, origin) => {
    await using app = await startTestApp(['--token', admin, '--cors-origins', '*']);
    const headers = { authorization: `Bearer ${admin}`, origin, ...(site !== undefined && { 'sec-fetch-site': site }) };
    const response = await ask(app, '/session', headers, { method: 'POST' });
    expect([response.status, response.headers.getSetCookie()]).toEqual([403, []]);
  },
);

test.each([
  ['an image', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'image' }, 403],
  ['a frame', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'iframe' }, 403],
  ['a fetch', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'empty', origin: 'http://localhost:1' }, 403],
  ['a link', { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'document' }, 200],
  ['our own page', { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'empty' }, 200],
  ['the address bar', { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'empty' }, 200],
])('A page on another port of this host can read nothing with the cookie: %s.', async (_what, headers, status) => {
  await using app = await startTestApp(['--token', admin]);
  const cookie = await beginSession(app);
  expect((await ask(app, '/streams', { cookie, ...headers })).status).toBe(status);
});
