import { expect, test } from 'vitest';
import { connect, type Poke, type State } from '../../src/client/client.ts';
import { HostileProxy, type Mischief } from '../support/hostile-proxy.ts';
import { startTestApp } from '../support/start-app.ts';
import { describeStores } from './store-servers.ts';

const quick = ['--retry-min-ms', '1', '--retry-max-ms', '2'];
const retry = { minMs: 1, maxMs: 10 };
const patience = { timeout: 60_000, interval: 10 };
const message = { type: 'Deposited', data: { amount: 100 } };
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** A client that subscribes through a hostile proxy, and the events it reports. */
async function listen(proxy: HostileProxy, heartbeatMs = 1_000) {
  const pokes: Poke[] = [];
  const states: State[] = [];
  const subscription = connect(proxy.url, { retry }).subscribe(
    { category: 'account', heartbeatMs },
    { onPoke: (poke) => pokes.push(poke), onState: (state) => states.push(state) },
  );
  const positions = () => pokes.map(({ globalPosition }) => globalPosition);
  return { subscription, positions, states };
}

describeStores('with messages in %s, the client', (start) => {
  test('receives everything once when its connections break after every byte of a frame', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    const { count } = await pokewire.append(
      'account-1',
      Array.from({ length: 5 }, () => message),
    );
    // Bytes of the greeting and one or two pokes.
    const bytes = 400;
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request <= bytes ? { cutAfterBytes: request } : undefined,
    );
    const { subscription, positions } = await listen(proxy);
    using _closed = subscription;
    await expect.poll(() => proxy.requests, patience).toBeGreaterThan(bytes / 2);
    await pokewire.append(
      'account-2',
      Array.from({ length: 5 }, () => message),
    );
    await expect.poll(() => proxy.requests, patience).toBeGreaterThan(bytes);
    await pokewire.append('account-1', message);
    await expect.poll(positions, patience).toEqual(upTo(count + 6));
    expect(proxy.mostAtOnce).toBe(1);
  });

  test('reconnects through 502, 503, a page instead of the stream and silence, and misses nothing', async ({
    expect,
  }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    const misuses: Mischief[] = [
      { status: 502 },
      { status: 503 },
      { status: 200 },
      { stalls: 'head' },
      { stalls: 'body' },
    ];
    await using proxy = await HostileProxy.open(app.port, (request) => misuses[request - 1]);
    const { subscription, positions, states } = await listen(proxy);
    using _closed = subscription;
    await pokewire.append('account-1', message);
    await expect.poll(positions, patience).toEqual([1]);
    const reasons = states.flatMap((state) => (state.name === 'away' ? [state.why.code] : []));
    expect(reasons).toEqual(['HTTP_502', 'HTTP_503', 'NOT_AN_EVENT_STREAM', 'TIMED_OUT', 'BUFFERED']);
    expect(proxy.mostAtOnce).toBe(1);
  });

  test('notices that a poke was lost, fetches it, and claims nothing before that', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    const isLost = (event: string) => event.includes('"globalPosition":2}');
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request === 1 ? { times: (event) => (isLost(event) ? 0 : 1) } : undefined,
    );
    const { subscription, positions, states } = await listen(proxy);
    using _closed = subscription;
    await pokewire.append('account-1', message);
    await expect.poll(() => states.at(-1), patience).toMatchObject({ name: 'live', completeUpTo: 1 });
    await pokewire.append('account-2', message);
    await expect.poll(positions, patience).toEqual([1, 2]);
    await expect.poll(() => states.at(-1), patience).toMatchObject({ name: 'live', completeUpTo: 2 });
    expect(states).toContainEqual(
      expect.objectContaining({ name: 'away', why: expect.objectContaining({ code: 'POKE_LOST' }) }),
    );
  });

  test('notices that a poke of a new stream was lost although others followed, and fetches it', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    const isLost = (event: string) => event.includes('"globalPosition":2,') || event.includes('"globalPosition":2}');
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request === 1 ? { times: (event) => (isLost(event) ? 0 : 1) } : undefined,
    );
    // Otherwise it would count as silent before its heartbeat, and resume after the loss.
    const { subscription, positions, states } = await listen(proxy, 4_000);
    using _closed = subscription;
    for (const stream of ['account-1', 'account-2', 'account-3']) await pokewire.append(stream, message);
    await expect.poll(() => positions().toSorted(), patience).toEqual([1, 2, 3]);
    await expect.poll(() => states.at(-1), patience).toMatchObject({ name: 'live', completeUpTo: 3 });
    const before = states.slice(
      0,
      states.findIndex(({ name }) => name === 'away'),
    );
    expect(before).not.toContainEqual(expect.objectContaining({ completeUpTo: 3 }));
    expect(positions()).toHaveLength(3);
  });

  test('delivers once what a proxy sends twice', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    await using proxy = await HostileProxy.open(app.port, () => ({
      times: (event) => (event.includes('event: poke') ? 2 : 1),
    }));
    const { subscription, positions } = await listen(proxy);
    using _closed = subscription;
    for (let n = 0; n < 5; n++) await pokewire.append(`account-${n % 2}`, message);
    await expect.poll(positions, patience).toEqual(upTo(5));
  });

  test('appends and reads across pages', async ({ expect }) => {
    await using app = await start();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', message, { expectedVersion: -1 });
    await expect(pokewire.append('account-1', message, { expectedVersion: 7 })).rejects.toMatchObject({
      code: 'STREAM_VERSION_CONFLICT',
      details: { expected: 7, actual: 0 },
    });
    await pokewire.append(
      'account-2',
      Array.from({ length: 24 }, () => message),
    );
    const read: number[] = [];
    for await (const { globalPosition } of pokewire.read({ category: 'account', position: 3, batchSize: 7 }))
      read.push(globalPosition);
    expect(read).toEqual(upTo(25).slice(2));
    const ofStream: number[] = [];
    for await (const { position } of pokewire.read({ stream: 'account-2', position: 20, batchSize: 2 }))
      ofStream.push(position);
    expect(ofStream).toEqual([20, 21, 22, 23]);
  });

  test('stores a message once even if the answer to its append is lost', async ({ expect }) => {
    await using app = await start();
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request === 1 ? { cutAfterBytes: 0 } : undefined,
    );
    expect(await connect(proxy.url, { retry }).append('account-1', message)).toMatchObject({ position: 0 });
    expect((await app.get('/streams/account-1/messages')).body).toHaveLength(1);
  });

  test('starts after the head of a category', async ({ expect }) => {
    await using app = await start();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', [message, message]);
    const pokes: number[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    using _subscription = pokewire.subscribe(
      { category: 'account', position: 'head' },
      {
        onPoke: ({ globalPosition }) => pokes.push(globalPosition),
        onState: ({ name }) => name === 'catching-up' && resolve(),
      },
    );
    await promise;
    await pokewire.append('account-1', message);
    await expect.poll(() => pokes, patience).toEqual([3]);
  });
});

test('A different log at the same address causes a reset, and is delivered completely.', async () => {
  await using first = await startTestApp(quick);
  await connect(first.url).append('account-1', [message, message, message]);
  const pokes: string[] = [];
  const resets: string[] = [];
  using _subscription = connect(first.url, { retry }).subscribe(
    { category: 'account' },
    {
      onPoke: ({ stream, position }) => pokes.push(`${stream} ${position}`),
      onReset: ({ reason }) => resets.push(reason),
    },
  );
  await expect.poll(() => pokes.length, patience).toBe(3);
  await first.close();
  await using second = await startTestApp([...quick, '--port', String(first.port)]);
  await second.append('account-2', message);
  await expect.poll(() => pokes.slice(3), patience).toEqual(['account-2 0']);
  expect(resets).toEqual(['other-epoch']);
});

test('Tickets open each connection of a server with authentication.', async () => {
  const token = `ns_ZGVmYXVsdA_${'ab'.repeat(32)}`;
  await using app = await startTestApp([...quick, '--token', token]);
  let tickets = 0;
  const ticket = async (selectors: object) => {
    tickets++;
    const answer = await fetch(`${app.url}/subscribe/ticket`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(selectors),
    });
    return (await answer.json()) as { ticket: string };
  };
  await using proxy = await HostileProxy.open(app.port, (request) =>
    request === 1 ? { cutAfterBytes: 150 } : undefined,
  );
  const pokes: number[] = [];
  using _subscription = connect(proxy.url, { ticket, retry }).subscribe(
    { category: ['order', 'account'] },
    { onPoke: ({ globalPosition }) => pokes.push(globalPosition) },
  );
  await connect(app.url, { token }).append('account-1', [message, message]);
  await expect.poll(() => pokes, patience).toEqual([1, 2]);
  expect(tickets).toBe(2);
});
