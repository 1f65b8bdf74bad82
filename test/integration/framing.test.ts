import { expect, test } from 'vitest';
import { withoutTags } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const message = { type: 'Happened', data: {} };

async function appendMany(app: TestApp, ...streams: string[]): Promise<void> {
  for (const stream of streams) expect((await app.append(stream, message)).status).toBe(201);
}

test('Each frame is a separate chunk, complete and in one piece.', async () => {
  await using app = await startTestApp(['--retry-min-ms', '7', '--retry-max-ms', '7', '--heartbeat-ms', '0']);
  await appendMany(app, 'a-1', 'a-2');
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  await client.waitForPokes(2);
  const tag = client.pokes[0]!.id.split('-')[1];
  let end = 0;
  const chunks = client.framing!.sizes.map((size) => {
    const start = end;
    end += size;
    return client.bytes.toString('utf8', start, end);
  });
  expect(chunks).toEqual([
    ': ready\n\n',
    'retry: 7\n',
    `event: poke\ndata: {"stream":"a-1","position":0,"globalPosition":1}\nid: 1-${tag}\n\n`,
    `event: poke\ndata: {"stream":"a-2","position":0,"globalPosition":2}\nid: 2-${tag}\n\n`,
  ]);
});

test('An HTTP/1.0 client gets the same stream without chunks, pages of the log and live pokes alike.', async () => {
  await using app = await startTestApp(['--retry-min-ms', '7', '--retry-max-ms', '7', '--heartbeat-ms', '0']);
  await appendMany(app, 'a-1', 'a-2');
  await using client = await SseClient.connect(app.port, '/subscribe?category=a', { httpVersion: '1.0' });
  await client.waitForPokes(2);
  await appendMany(app, 'a-3');
  await client.waitForPokes(3);
  const frame = (id: number) =>
    `event: poke\ndata: {"stream":"a-${id}","position":0,"globalPosition":${id}}\nid: ${id}\n\n`;
  expect(withoutTags(client)).toBe(`: ready\n\nretry: 7\n${frame(1)}${frame(2)}${frame(3)}`);
  expect([client.head.headers.get('transfer-encoding'), client.head.headers.get('connection')]).toEqual([
    undefined,
    'close',
  ]);
});

test.each(['', '&hello=true'])(
  'A stream whose token is revoked is complete, so that no client reconnects for it.%s',
  async (query) => {
    await using app = await startTestApp(['--token', `ns_ZGVmYXVsdA_${'0'.repeat(64)}`]);
    const { id, token } = await app.namespaces.createToken('default', {
      label: '',
      scope: 'read',
      expiresAtMs: undefined,
    });
    await using client = await SseClient.subscribe(app.port, `/subscribe?category=a&token=${token}${query}`);
    await app.namespaces.revokeToken('default', id);
    await client.closed;
    expect([client.events.at(-1)!.data, client.isComplete]).toEqual(['{"code":"revoked"}', true]);
  },
);

test('A stream that the server ends temporarily has no last chunk, so that every client treats it as a lost connection.', async () => {
  await using app = await startTestApp();
  await using client = await SseClient.connect(app.port, '/subscribe?category=a&hello=true');
  await client.waitFor(({ events }) => events.length === 1);
  await app.close();
  await client.closed;
  expect([client.events.at(-1)!.data, client.isComplete]).toEqual(['{"code":"draining"}', false]);
});
