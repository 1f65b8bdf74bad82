import { expect, test } from 'vitest';
import { positionIn } from '../support/cursors.ts';
import { SseClient } from '../support/sse-client.ts';
import { BufferingProxy } from './support/proxy.ts';
import { FaultServer, poll } from './support/server.ts';

// Characters of one to four bytes, so that pieces end within them.
const stream = 'load-zß水🐢';
const path = '/subscribe?category=load&hello=true&heartbeat=head';

/** Forwards bytes, in pieces that end anywhere, until the promise settles. */
async function passOnUntil<T>(proxy: BufferingProxy, wanted: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  wanted.then(settle, settle);
  while (!isSettled) {
    await proxy.passOn([1, 7, 64, 3, 1_021]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return wanted;
}

test('Through a proxy that buffers bytes and splits them anywhere, every poke arrives once, in order, with its id.', async () => {
  await using server = await FaultServer.start(['--heartbeat-ms', '45']);
  await using proxy = await BufferingProxy.open(server.port);
  await using client = await passOnUntil(proxy, SseClient.connect(proxy.port, path));
  for (let bunch = 1; bunch <= 10; bunch++) {
    await client.waitFor(({ received }) => received === proxy.passedOn, 'the end of what the proxy passed on');
    const before = client.received;
    for (let message = 0; message < 20; message++) await server.append(stream);
    await poll(() => proxy.held).toBeGreaterThan(1_000);
    expect(client.received, 'the proxy holds back').toBe(before);
    await passOnUntil(proxy, client.waitForPokes(bunch * 20));
  }
  expect(client.pokes).toEqual(
    Array.from({ length: 200 }, (_, n) => ({
      stream,
      position: n,
      globalPosition: n + 1,
      id: expect.stringMatching(new RegExp(`^${n + 1}-[0-9a-f]{12}$`)),
    })),
  );
  expect(client.parser.unknownFields).toEqual([]);
  const beat = client.events.findLast(({ type }) => type === 'heartbeat')!;
  expect(positionIn(beat.lastEventId)).toBeGreaterThan(0);
});

test('A proxy that dies with buffered data loses nothing: the subscriber resumes after the last poke it received.', async () => {
  await using server = await FaultServer.start();
  const proxy = await BufferingProxy.open(server.port);
  await using client = await passOnUntil(proxy, SseClient.connect(proxy.port, path));
  await server.append(stream, 10);
  await passOnUntil(proxy, client.waitForPokes(10));
  await server.append(stream, 10);
  await poll(() => proxy.held).toBeGreaterThan(500);
  await proxy[Symbol.asyncDispose]();
  await client.closed;
  await using resumed = await SseClient.connect(server.port, path, {
    headers: { 'last-event-id': client.parser.lastEventId },
  });
  await resumed.waitForPokes(10);
  expect([...client.pokes, ...resumed.pokes].map(({ position }) => position)).toEqual([...Array(20).keys()]);
  await poll(() => server.subscriptions()).toBe(1);
});
