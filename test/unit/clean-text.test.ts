import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { cleanHtml, cleanJson, cleanUrl, holdsToken, withoutCredentials } from '../../src/http/plumbing/clean-text.ts';

const token = newToken('my_tenant.1');

test.each([
  [`/subscribe&token=${token}`, '/subscribe&token=[redacted]'],
  [`/streams;token=${token}`, '/streams;token=[redacted]'],
  [`/streams/${token}/messages`, '/streams/[redacted]/messages'],
  [`/streams?Token=${token}&prefix=a`, '/streams?Token=[redacted]&prefix=a'],
  [`/streams?access_token=${token}`, '/streams?access_token=[redacted]'],
  [`/streams?prefix=${token}`, '/streams?prefix=[redacted]'],
  [`/streams?token%3D${token}`, '/streams?token%3D[redacted]'],
  [`/${token.toUpperCase()}`, '/[redacted]'],
  [`/${token}${token}`, '/[redacted]'],
  ['/subscribe;TICKET=R2m', '/subscribe;TICKET=[redacted]'],
  [`/${token.replaceAll('_', '%5F')}`, '/[redacted]'],
  [`/${token.replaceAll('_', '%5f')}/messages`, '/[redacted]/messages'],
  ['/subscribe&ticket=R2m-x_9', '/subscribe&ticket=[redacted]'],
  ['/subscribe;all=true;ticket=R2m-x_9', '/subscribe;all=true;ticket=[redacted]'],
])('A credential in the wrong place is removed from a URL: %s', (url, clean) => {
  expect(cleanUrl(url)).toBe(clean);
});

test.each([
  '/streams/account-1/messages?position=3',
  '/streams/ns_deposits-1',
  '/streams/token-1',
  '/subscribe/ticket',
])('A URL without a credential stays as it is: %s', (url) => {
  expect(cleanUrl(url)).toBe(url);
});

test('A truncated token is removed too.', () => {
  expect(withoutCredentials(`got "${newToken('a').slice(0, 64)}"`)).toBe('got "[redacted]"');
});

test('The period of a sentence that ends with a credential is kept.', () => {
  expect(withoutCredentials(`No route GET /subscribe&token=${token}. See /reference.`)).toBe(
    'No route GET /subscribe&token=[redacted]. See /reference.',
  );
});

test('A sentence that says how to send a token is not changed.', () => {
  const sentence = 'open /docs?token=<token>, or send "authorization: Bearer <token>".';
  expect(withoutCredentials(sentence)).toBe(sentence);
});

test('Control characters are percent-encoded in a URL, C1 included.', () => {
  expect(cleanUrl('/a\x9b31m\x7f\x1b[0m')).toBe('/a%9B31m%7F%1B[0m');
});

test('JSON stays the same JSON, with C1 controls escaped.', () => {
  const body = { message: 'a\x9b31m\x85\x7f\n"é"' };
  const text = cleanJson(JSON.stringify(body));
  expect(text).toMatch(/^[ -~é]*$/);
  expect(JSON.parse(text)).toEqual(body);
});

test('A token is recognised in every search.', () => {
  expect([1, 2, 3].map(() => holdsToken(`x ${token}`))).toEqual([true, true, true]);
  expect(holdsToken('ns_deposits')).toBe(false);
});

test('A text for HTML never contains markup, control characters or credentials.', () => {
  const text = cleanHtml(`<b title="x">&amp; 'it'\x9b31m\x1b ${newToken('a')}`);
  expect(text).toBe('&#60;b title=&#34;x&#34;&#62;&#38;amp; &#39;it&#39;\ufffd31m\ufffd [redacted]');
});
