import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'vitest';
import { connect, type Message, memoryCheckpoint, type Poke } from '../../src/client/client.ts';
import { natsProgram } from '../nats/nats-server.ts';
import { hasPostgres } from '../postgres/postgres-cluster.ts';
import { HostileProxy, type Mischief } from '../support/hostile-proxy.ts';
import { Random } from '../support/random.ts';
import { type SoakStore, startOn } from './restarting-server.ts';

/**
 * `CLIENT_SOAK_MINUTES=30 CLIENT_SOAK_CLIENTS=200 CLIENT_SOAK_PACE_MS=50 npx vitest run test/soak/clients.test.ts` is
 * the long version. The pace keeps the records of all clients within the memory of one process.
 */
const minutes = Number(process.env.CLIENT_SOAK_MINUTES ?? 0.3);
const clients = Number(process.env.CLIENT_SOAK_CLIENTS ?? 24);
const paceMs = Number(process.env.CLIENT_SOAK_PACE_MS ?? 0);
const retry = { minMs: 20, maxMs: 500 };
const patience = { timeout: 60_000, interval: 100 };

/**
 * The disturbance of one client by a proxy: usually it cuts the connection somewhere; otherwise it refuses, stalls,
 * repeats pokes, or loses some or all of them after some point.
 */
function mischiefs(random: Random): () => Mischief | undefined {
  // A poke that is lost every time would never arrive.
  const lost = new Set<string>();
  const loseOnce = (event: string) => {
    if (!event.includes('event: poke') || lost.has(event) || !random.chance(0.1)) return 1;
    lost.add(event);
    return 0;
  };
  return () => {
    const after = random.int(1, 200);
    let events = 0;
    return random.weighted<Mischief | undefined>([
      [3, undefined],
      [6, { cutAfterBytes: random.int(0, 20_000) }],
      [2, { status: random.pick([429, 500, 502, 503, 504]) }],
      [0.3, { stalls: random.pick(['head', 'body']) }],
      [1, { times: (event) => (event.includes('event: poke') ? 2 : 1) }],
      [1, { times: (event) => (event.includes('event: poke') && ++events > after ? 0 : 1) }],
      [2, { times: loseOnce, cutAfterBytes: random.int(0, 20_000) }],
    ]);
  };
}

/** A claim of completeness, and the number of pokes delivered before it. */
type Claim = { readonly completeUpTo: number; readonly told: number };

/** One client behind its own proxy, and the pokes it received. */
async function subscriber(port: number, random: Random, calm: () => boolean) {
  const choose = mischiefs(random);
  const proxy = await HostileProxy.open(port, () => (calm() ? undefined : choose()));
  const pokes: number[] = [];
  const claims: Claim[] = [];
  const subscription = connect(proxy.url, { retry }).subscribe(
    { category: 'account', heartbeatMs: 1_000 },
    {
      onPoke: ({ globalPosition }: Poke) => pokes.push(globalPosition),
      onState: (state) => {
        if (state.name === 'live') claims.push({ completeUpTo: state.completeUpTo, told: pokes.length });
      },
    },
  );
  const ended = () => (subscription.state.name === 'ended' ? subscription.state.why : undefined);
  return { told: pokes, claims, proxy, ended, close: () => subscription.close() };
}

/** A worker behind a proxy of the same kind. */
async function worker(port: number, random: Random, calm: () => boolean) {
  const choose = mischiefs(random);
  const proxy = await HostileProxy.open(port, () => (calm() ? undefined : choose()));
  const handled: number[] = [];
  const handler = ({ globalPosition }: Message) => {
    if (random.chance(0.01)) throw new Error('not yet');
    handled.push(globalPosition);
  };
  const options = { checkpoint: memoryCheckpoint(), retry, batchSize: 20 };
  const consumed = connect(proxy.url, { retry }).consume({ category: 'account' }, handler, options);
  let why: unknown;
  consumed.done.catch((error) => {
    why = error;
  });
  return { told: handled, proxy, ended: () => why, close: () => consumed.stop() };
}

/** Number of claims of completeness made before everything they cover was delivered. */
function falseClaims(written: readonly number[], told: readonly number[], claims: readonly Claim[]): Claim[] {
  const toldAt = new Map(told.map((position, index) => [position, index]));
  /** Number of pokes delivered by the time that all up to this message were. */
  const needed = new Map<number, number>();
  let latest = 0;
  for (const position of written) {
    latest = Math.max(latest, (toldAt.get(position) ?? Number.POSITIVE_INFINITY) + 1);
    needed.set(position, latest);
  }
  return claims.filter((claim) => claim.told < (needed.get(claim.completeUpTo) ?? 0));
}

const stores: SoakStore[] = [
  'memory',
  'sqlite',
  ...(hasPostgres ? (['postgres'] as const) : []),
  ...(natsProgram !== undefined ? (['nats'] as const) : []),
];

test.concurrent.for(stores)(
  'Despite cuts, refusals, lost and repeated pokes, and kills of a %s server, clients lose nothing, workers keep the order, and every claim is true.',
  { timeout: minutes * 60_000 + 180_000 },
  async (store, { expect }) => {
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
        // Alternates, if there is a database.
        await (isDatabaseNext ? server.killDatabase! : server.killAndStart)();
        isDatabaseNext = server.killDatabase !== undefined && !isDatabaseNext;
        killAt = Date.now() + 10_000;
      }
    }
    isCalm = true;
    for (const { proxy } of clientsOfAll) proxy.cut();
    const last = written.at(-1);
    const missing = () =>
      clientsOfAll.flatMap(({ told, ended }, client) =>
        told.slice(-100).includes(last!) ? [] : [{ client, behind: written.length - told.length, ended: ended() }],
      );
    await expect.poll(missing, patience).toEqual([]);
    for (const { close } of clientsOfAll) await close();
    for (const { proxy } of clientsOfAll) await proxy[Symbol.asyncDispose]();

    const faults = clientsOfAll.flatMap(({ told: positions }, client) => {
      const distinct = new Set(positions);
      const lost = written.filter((position) => !distinct.has(position)).length;
      const twice = positions.length - distinct.size;
      // A poke lost on its way is delivered late. A worker reads messages, which are never late.
      const isInOrder = client < subscribers.length || positions.join() === written.join();
      return lost === 0 && twice === 0 && isInOrder ? [] : [{ client, lost, twice, isInOrder }];
    });
    expect(faults, `seed ${seed}`).toEqual([]);
    const untrue = subscribers.flatMap(({ told, claims }) => falseClaims(written, told, claims));
    expect(untrue, `seed ${seed}`).toEqual([]);
    const claims = subscribers.flatMap((subscriber) => subscriber.claims);
    expect(claims.length).toBeGreaterThan(0);
    console.log(
      `${store}: ${minutes} min, ${subscribers.length} subscribers, ${workers.length} workers, ${written.length} messages, ` +
        `${clientsOfAll.reduce((sum, { proxy }) => sum + proxy.requests, 0)} requests, ${claims.length} claims`,
    );
  },
);
