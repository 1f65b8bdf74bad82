import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../support/arbitraries.ts';
import { routesOfApp } from '../support/routes.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { oddNumbers, oddTexts } from './values.ts';

const subscribe = (await routesOfApp()).find(({ method, url }) => method === 'GET' && url === '/subscribe')!;

/** Events named in docs/PROTOCOL.md. */
const eventNames = ['poke', 'hello', 'reset', 'heartbeat', 'end', 'error'];

const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
// A ticket is used up by its first use, and a member joins its group, so two requests could not be compared.
const names = subscribe.parameters.map(({ name }) => name).filter((name) => !['ticket', 'group'].includes(name));
const values = fc.oneof(
  fc.constantFrom('true', 'false', 'head', '', '0', '1', '2', 'a', 'b', 'a-1', 'b-2', 'a-1+2'),
  fc.nat({ max: 12 }).map(String),
  fc.constantFrom(...oddNumbers, ...oddTexts),
  anyText,
);
const pair = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(fc.constantFrom(...names), values).map(([name, value]) => `${name}=${encoded(value)}`),
  },
  { weight: 1, arbitrary: fc.tuple(anyText, anyText).map(([name, value]) => `${encoded(name)}=${encoded(value)}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '=', '&', 'stream', 'stream[]=a', 'all=true;', '%', '%ff=%', 'a=%zz', '__proto__=1'),
  },
);
const queries = fc
  .tuple(
    fc.constantFrom(
      '',
      'all=true',
      'stream=a-1',
      'category=a',
      'category=a&category=b',
      'category=a&consumer=0&size=2',
    ),
    fc.array(pair, { maxLength: 4 }),
  )
  .map(([begin, more]) => [begin, ...more].join('&'));
const lastEventIds = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  fc.nat({ max: 12 }).map(String),
  fc.constantFrom(...oddNumbers).filter((text) => /^[\x21-\x7e]*$/.test(text)),
);

async function ask(app: TestApp, method: string, query: string, lastEventId: string | undefined) {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
  return SseClient.connect(app.port, `/subscribe?${query}`, { method, headers });
}

test('Any query of a subscription is either accepted or refused, and HEAD predicts which.', async () => {
  await using app = await startTestApp();
  for (const stream of ['a-1', 'b-2', 'a-1', 'c', 'a-1+2']) await app.append(stream, { type: 'T', data: {} });
  let opened = 0;
  await fc.assert(
    fc.asyncProperty(queries, lastEventIds, async (query, lastEventId) => {
      await using announced = await ask(app, 'HEAD', query, lastEventId);
      await using client = await ask(app, 'GET', query, lastEventId);
      const { status } = client.head;
      expect(announced.head.status).toBe(status);
      if (status === 200) {
        opened++;
        await client.waitFor(({ comments }) => comments.includes(' ready'));
        expect(client.parser.unknownFields).toEqual([]);
        for (const { type, data } of client.events) {
          expect(eventNames).toContain(type);
          expect(JSON.parse(data)).toBeTypeOf('object');
        }
        return;
      }
      await client.waitFor(({ bytes }) => bytes.length >= Number(client.head.headers.get('content-length')));
      const { code, message } = JSON.parse(client.bytes.toString()).error;
      // A token in the query is checked first.
      expect([`${status} ${code}`, message]).toEqual([
        expect.stringMatching(/^(400 INVALID_REQUEST|401 AUTH_INVALID_TOKEN|403 AUTH_UNAUTHORIZED)$/),
        expect.any(String),
      ]);
    }),
    { numRuns: 800 },
  );
  expect(opened).toBeGreaterThan(100);
  await expect.poll(() => app.hub.subscriptions.size).toBe(0);
  const { pokes, buffers } = app.pools;
  // A buffer is released once the socket that was to send it has closed.
  const leased = () =>
    [pokes, ...buffers.classes.values()].reduce((sum, { stats }) => sum + stats.leased, buffers.oversizedStats.leased);
  await expect.poll(leased).toBe(0);
});
