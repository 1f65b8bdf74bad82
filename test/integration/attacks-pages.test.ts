import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { askRaw } from './raw-request.ts';

const message = '{"type":"T","data":{}}';

/** Headers that browsers send with each kind of request from a foreign page. */
const foreignReads: readonly (readonly [string, Record<string, string>])[] = [
  ['an image', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' }],
  ['a script', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' }],
  ['a style sheet', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'style' }],
  ['a frame', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }],
  ['an object', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'object' }],
  ['a fetch without CORS', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'empty' }],
  ['a fetch', { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty', Origin: 'https://evil.example' }],
  [
    'a WebSocket',
    {
      'Sec-Fetch-Mode': 'websocket',
      'Sec-Fetch-Dest': 'websocket',
      Origin: 'https://evil.example',
      Upgrade: 'websocket',
    },
  ],
];

test.each(foreignReads)(
  'Without authentication a page of another site learns neither what exists nor the state of the server: %s.',
  async (_what, given) => {
    await using app = await startTestApp();
    await app.append('a-1', message);
    const more = Object.entries({ 'Sec-Fetch-Site': 'cross-site', ...given });
    const headers = more.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const paths = [
      '/streams/a-1',
      '/streams/none-1',
      '/categories',
      '/export',
      '/metrics',
      '/health',
      '/ready',
      '/version',
    ];
    for (const path of [
      ...paths,
      '/docs',
      '/docs/page.js',
      '/diagnose/stream',
      '/openapi.json',
      '/nowhere',
      '/rpc',
      '/',
    ]) {
      expect([path, (await askRaw(app.port, path, headers)).status]).toEqual([path, 403]);
    }
  },
);

test.each([
  ['every origin may subscribe', [], { 'Sec-Fetch-Mode': 'cors', Origin: 'https://evil.example' }, 200],
  ['a file may subscribe', [], { 'Sec-Fetch-Mode': 'cors', Origin: 'null' }, 200],
  [
    'an origin that is not among --subscribe-origins',
    ['--subscribe-origins', 'https://one.example'],
    { Origin: 'https://evil.example' },
    403,
  ],
  ['an image is no subscriber', [], { 'Sec-Fetch-Mode': 'no-cors' }, 403],
  [
    'a WebSocket is a stream to nobody',
    ['--subscribe-origins', ''],
    { Origin: 'https://evil.example', Upgrade: 'websocket' },
    403,
  ],
] as const)(
  'Without authentication only pages of --subscribe-origins may use /subscribe: %s.',
  async (_what, flags, given, status) => {
    await using app = await startTestApp([...flags]);
    const headers = { 'Sec-Fetch-Site': 'cross-site', ...given };
    await using client = await SseClient.connect(app.port, '/subscribe?all=true', { headers });
    expect(client.head.status).toBe(status);
    expect(client.head.headers.get('access-control-allow-origin')).toBe(flags.length === 0 ? '*' : undefined);
  },
);

test('Without authentication a visitor may still follow a link from another site.', async () => {
  await using app = await startTestApp();
  const visit = 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n';
  expect((await askRaw(app.port, '/docs', visit)).status).toBe(200);
  expect((await askRaw(app.port, '/streams', 'Sec-Fetch-Site: none\r\nSec-Fetch-Dest: document\r\n')).status).toBe(200);
});
