import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { adminToken as admin } from './rpc-client.ts';

/** Headers with which Chromium opens an address. */
const visit = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'sec-fetch-dest': 'document',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-site': 'none',
};

async function ask(app: TestApp, path: string, headers: Record<string, string> = visit, method = 'GET') {
  const response = await fetch(app.url + path, { method, headers, redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test.each(['/docs', '/diagnose', '/consumer-groups', '/reference', '/browse', '/streams/a-1/messages', '/metrics'])(
  'With tokens a visitor without a session gets a sign-in card at %s itself.',
  async (path) => {
    await using app = await startTestApp(['--token', admin]);
    const { status, headers, text } = await ask(app, path);
    expect(status).toBe(401);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('www-authenticate')).toBe('Bearer realm="pokewire"');
    expect(text).toContain('<h1>Sign in</h1>');
    expect(text).toContain('type="password"');
    // Relative to the requested address, so that it also works below a proxy's path prefix.
    const session = /data-session="([^"]*)"/.exec(text)![1]!;
    expect(new URL(session, app.url + path).href).toBe(`${app.url}/session`);
    expect(new URL(session, `https://proxy.example/below${path}`).href).toBe('https://proxy.example/below/session');
  },
);

test('The sign-in card runs and loads nothing but its own files, and cannot be framed.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { headers } = await ask(app, '/docs');
  const policy = headers.get('content-security-policy')!;
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'sha256-[^' ]+'; connect-src 'self'; style-src 'sha256-[^' ]+'; img-src data:; /,
  );
  for (const rule of ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "trusted-types 'none'"]) {
    expect(policy).toContain(rule);
  }
  expect(headers.get('referrer-policy')).toBe('no-referrer');
});

test('A visitor whose token is wrong or insufficient sees the reason, and the token is not repeated.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const unknown = newToken('default');
  const refused = await ask(app, `/docs?token=${unknown}`);
  expect([refused.status, refused.headers.getSetCookie()]).toEqual([403, []]);
  expect(refused.text).toContain('<h1>Sign in</h1>');
  expect(refused.text).toContain('The token is not valid: unknown, revoked or expired.');
  expect(refused.text).not.toContain(unknown);

  const { token } = await app.namespaces.createToken('default', { label: '', scope: 'read', expiresAtMs: undefined });
  const limited = await ask(app, '/metrics', { ...visit, cookie: `pokewire=${token}` });
  expect(limited.status).toBe(403);
  expect(limited.text).toContain('this one has read');
});

test('A visitor who follows a link from another site can continue with the session that the link did not send.', async () => {
  await using app = await startTestApp(['--token', admin]);
  for (const site of ['cross-site', 'same-site']) {
    expect((await ask(app, '/docs', { ...visit, 'sec-fetch-site': site })).text).toContain('Continue with my session');
  }
  expect((await ask(app, '/docs')).text).not.toContain('Continue with my session');
});

test('A link from another site does not sign the visitor in, but explains why and asks for a token.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { status, headers, text } = await ask(app, `/docs?token=${admin}`, {
    ...visit,
    'sec-fetch-site': 'cross-site',
  });
  expect([status, headers.getSetCookie()]).toEqual([403, []]);
  expect(text).toContain('A page of another site gave this token, so it is not used.');
});

test.each([[[]], [['--token', admin]]])(
  'A visitor of an address without a page gets a page with links to the others, with the flags %j.',
  async (flags) => {
    await using app = await startTestApp(flags);
    const path = '/no/where';
    const { status, headers, text } = await ask(app, path);
    expect([status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
    expect(text).toContain('<h1>Page not found</h1>');
    expect(text).toContain('404 NOT_FOUND');
    const links = [...text.matchAll(/href="(\.\.\/[^"]*)"/g)].map(
      ([, href]) => new URL(href!, app.url + path).pathname,
    );
    expect(links).toContain('/docs');
    expect(links).toContain('/diagnose');
    expect(headers.get('content-security-policy')).not.toContain('script-src');
  },
);

test.each([
  ['/streams/a-1', 404, 'STREAM_NOT_FOUND'],
  ['/streams?limit=x', 400, 'INVALID_REQUEST'],
  ['/streams/%', 400, 'INVALID_REQUEST'],
  ['/import', 405, 'METHOD_NOT_ALLOWED'],
])('Whatever else refuses a visitor is a page, too: %s.', async (path, status, code) => {
  await using app = await startTestApp();
  const answer = await ask(app, path);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8']);
  expect(answer.text).toContain(status === 404 ? '<h1>Not found</h1>' : '<h1>The server refused</h1>');
  expect(answer.text).toContain(`${status} ${code}`);
  expect(answer.text).toContain('aria-label="Pages"');
});

test('Names in a refusal are text on its page, never markup.', async () => {
  await using app = await startTestApp();
  const name = `<img src=x onerror="alert('1')">&amp;`;
  const { text } = await ask(app, `/streams/${encodeURIComponent(name)}`);
  expect(text).toContain('&#60;img src=x onerror=');
  expect(text).not.toContain('<img');
  expect(text).not.toContain(name);
});

test('The page of a refusal repeats neither credentials nor control characters of the address.', async () => {
  await using app = await startTestApp();
  const secret = newToken('tenant');
  for (const path of [`/streams/${secret}`, `/streams?limit=${secret}`, `/nowhere&token=${secret}`]) {
    expect((await ask(app, path)).text).not.toContain(secret.slice(0, 48));
  }
  const { text } = await ask(app, '/streams/a%C2%9B31m%1B[0m-1');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
});

const programs: readonly (readonly [string, Record<string, string>])[] = [
  ['curl', { accept: '*/*' }],
  ['a fetch of a page', { accept: '*/*', 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' }],
  ['a program that prefers JSON', { accept: 'application/json, text/html;q=0.5' }],
  ['Java’s HttpURLConnection', { accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' }],
  ['an EventSource', { accept: 'text/event-stream' }],
  ['a script that accepts HTML', { ...visit, 'sec-fetch-dest': 'empty', 'sec-fetch-site': 'same-origin' }],
];

test.each(programs)('A program is refused in JSON: %s.', async (_who, headers) => {
  await using app = await startTestApp(['--token', admin]);
  for (const path of ['/docs', '/streams', '/subscribe?all=true', '/nowhere']) {
    const answer = await ask(app, path, headers);
    expect([path, answer.headers.get('content-type')]).toEqual([path, 'application/json']);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: expect.any(String) } });
  }
});

test('A request with a changing method is refused in JSON, whatever it accepts.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { headers } = await ask(app, '/streams/a-1/messages', visit, 'POST');
  expect(headers.get('content-type')).toBe('application/json');
});

test('HEAD of a page without a session returns the head of the card and no body.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const { status, headers, text } = await ask(app, '/docs', visit, 'HEAD');
  expect([status, headers.get('content-type'), text]).toEqual([401, 'text/html; charset=utf-8', '']);
});
