import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connect, type Message, memoryCheckpoint, type Poke } from '../../src/client/client.ts';
import { hasPostgres } from '../postgres/postgres-cluster.ts';
import { HostileProxy, type Mischief } from '../support/hostile-proxy.ts';
import { Random } from '../support/random.ts';
import { type SoakStore, startOn } from './restarting-server.ts';

/**
 * `CLIENT_SOAK_MINUTES=30 CLIENT_SOAK_CLIENTS=200 CLIENT_SOAK_PACE_MS=50 npx vitest run test/soak/clients.test.ts` is the long run. The pace
 * keeps what every client was told within the memory of one process.
 */
const minutes = Number(process.env.CLIENT_SOAK_MINUTES ?? 0.3);
const clients = Number(process.env.CLIENT_SOAK_CLIENTS ?? 24);
const paceMs = Number(process.env.CLIENT_SOAK_PACE_MS ?? 0);
const retry = { minMs: 20, maxMs: 500 };
const patience = { timeout: 60_000, interval: 100 };

/** What a proxy does next: mostly it breaks off somewhere, else it refuses, stalls, repeats, or loses every poke from somewhere on. */
function choose(random: Random): Mischief | undefined {
  const after = random.int(1, 200);
  let events = 0;
  return random.weighted<Mischief | undefined>([
    [3, undefined],
    [6, { cutAfterBytes: random.int(0, 20_000) }],
    [2, { status: random.pick([429, 500, 502, 503, 504]) }],
    [0.3, { stalls: random.pick(['head', 'body']) }],
    [1, { times: (event) => (event.includes('event: poke') ? 2 : 1) }],
    [1, { times: (event) => (event.includes('event: poke') && ++events > after ? 0 : 1) }],
  ]);
}

/** One client behind a proxy of its own, and what it was told. */
async function subscriber(port: number, random: Random, calm: () => boolean) {
  const proxy = await HostileProxy.open(port, () => (calm() ? undefined : choose(random)));
  const pokes: number[] = [];
  /** Each claim, and how many pokes had been told by then. */
  const claims: { readonly completeUpTo: number; readonly told: number }[] = [];
  const subscription = connect(proxy.url, { retry }).subscribe(
    { category: 'account', heartbeatMs: 1_000 },
    {
      onPoke: ({ globalPosition }: Poke) => pokes.push(globalPosition),
      onState: (state) => {
        if (state.name === 'live') claims.push({ completeUpTo: state.completeUpTo, told: pokes.length });
      },
    },
  );
  return { told: pokes, claims, proxy, close: () => subscription.close() };
}

/** A worker behind such a proxy. */
async function worker(port: number, random: Random, calm: () => boolean) {
  const proxy = await HostileProxy.open(port, () => (calm() ? undefined : choose(random)));
  const handled: number[] = [];
  const handler = ({ globalPosition }: Message) => {
    if (random.chance(0.01)) throw new Error('not yet');
    handled.push(globalPosition);
  };
  const options = { checkpoint: memoryCheckpoint(), retry, batchSize: 20 };
  const consumed = connect(proxy.url, { retry }).consume({ category: 'account' }, handler, options);
  return { told: handled, proxy, close: () => consumed.stop() };
}

const stores: SoakStore[] = ['memory', 'sqlite', ...(hasPostgres ? (['postgres'] as const) : [])];

test.each(stores)(
  'Beside cuts, refusals, lost and repeated pokes, and kills of a %s server, clients lose nothing, keep the order and claim nothing untrue.',
  { timeout: minutes * 60_000 + 180_000 },
  async (store) => {
    const seed = Date.now() % 2 ** 31;
    await using server = await startOn(store);
    let isCalm = false;
    const calm = () => isCalm;
    const subscribers = [];
    const workers = [];
    for (let n = 0; n < clients; n++) {
      const random = new Random(seed, n);
      if (n % 4 === 0) workers.push(await worker(server.port, random, calm));
      else subscribers.push(await subscriber(server.port, random, calm));
    }
    const clientsOfAll = [...subscribers, ...workers];
    const random = new Random(seed, clients);
    const written: number[] = [];
    const writer = connect(server.url, { retry });
    const endsAt = Date.now() + minutes * 60_000;
    let killAt = Date.now() + 5_000;
    let isDatabaseNext = false;
    while (Date.now() < endsAt) {
      const messages = random.times(1, 5, (n) => ({ type: 'Counted', data: { n } }));
      const { globalPosition, count } = await writer.append(`account-${random.int(0, 20)}`, messages);
      for (let n = count - 1; n >= 0; n--) written.push(globalPosition - n);
      if (paceMs > 0) await delay(paceMs);
      if (store !== 'memory' && Date.now() > killAt) {
        // In turn, where there is a database.
        await (isDatabaseNext ? server.killDatabase! : server.killAndStart)();
        isDatabaseNext = server.killDatabase !== undefined && !isDatabaseNext;
        killAt = Date.now() + 10_000;
      }
    }
    isCalm = true;
    for (const { proxy } of clientsOfAll) proxy.cut();
    const last = written.at(-1);
    const all = clientsOfAll.map(({ told }) => told);
    await expect.poll(() => all.filter((told) => told.at(-1) !== last).length, patience).toBe(0);
    for (const { close } of clientsOfAll) await close();
    for (const { proxy } of clientsOfAll) await proxy[Symbol.asyncDispose]();

    const faults = all.flatMap((positions, client) => {
      const distinct = new Set(positions);
      const lost = written.filter((position) => !distinct.has(position)).length;
      const twice = positions.length - distinct.size;
      return positions.join() === written.join() ? [] : [{ client, lost, twice }];
    });
    expect(faults, `seed ${seed}`).toEqual([]);
    const upTo = new Map(written.map((position, index) => [position, index + 1]));
    const claims = subscribers.flatMap((subscriber) => subscriber.claims);
    expect(
      claims.filter(({ completeUpTo, told }) => (upTo.get(completeUpTo) ?? 0) > told),
      `seed ${seed}`,
    ).toEqual([]);
    expect(claims.length).toBeGreaterThan(0);
    console.log(
      `${store}: ${minutes} min, ${subscribers.length} subscribers, ${workers.length} workers, ${written.length} messages, ` +
        `${clientsOfAll.reduce((sum, { proxy }) => sum + proxy.requests, 0)} requests, ${claims.length} claims`,
    );
  },
);
