import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { askRaw, sendRaw } from './raw-request.ts';

test.each([
  ['C1 controls', '\x9b31mred'],
  ['letters beyond ASCII', 'é'],
  ['a token', newToken('default')],
  ['more than 256 characters', 'x'.repeat(257)],
])('An X-Request-Id of %s is ignored: the server generates one.', async (_what, id) => {
  await using app = await startTestApp();
  const answer = await sendRaw(
    app.port,
    `GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^x-request-id: req-[0-9a-z]+\r$/m);
  expect(answer).not.toContain(id);
});

test('No control character of a path is repeated.', async () => {
  await using app = await startTestApp();
  const { text } = await askRaw(app.port, '/nowhere\x9b31m%1b[0m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  expect(text).not.toMatch(/[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]/);
});

const secret = newToken('tenant');

test.each([
  `/subscribe&token=${secret}`,
  `/streams;token=${secret}`,
  `/streams;all=true&ticket=${secret}`,
  `/${secret}`,
  `/streams/${secret}`,
  `/streams/${secret}/messages/last`,
  `/streams?prefix=a&access_token=${secret}`,
  `/streams?${secret}`,
  `/streams?limit=${secret}`,
  `/subscribe?all=${secret}`,
  `/subscribe?category=${secret}-1`,
  `/streams/%?token=${secret}`,
  `/streams/%&token=${secret}`,
])('A refusal does not repeat a token given in the wrong place: %s', async (path) => {
  await using app = await startTestApp();
  const { text } = await askRaw(app.port, path);
  expect(text).toMatch(/^HTTP\/1.1 4/);
  expect(text).not.toContain(secret.slice(0, 48));
});

test('The refusal of a subscription does not repeat a token given as cursor.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  await using _first = await SseClient.subscribe(app.port, '/subscribe?all=true');
  await using second = await SseClient.connect(app.port, `/subscribe?all=true&hello=true&lastEventId=${secret}`);
  await second.closed;
  expect(second.parser.events).toMatchObject([{ type: 'end' }]);
  expect(second.bytes.toString()).not.toContain(secret);
});
