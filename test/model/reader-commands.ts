import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { command, type ModelCommand, someNamespace } from './command.ts';
import { streamFor } from './finish.ts';
import type { Site } from './site.ts';
import { type ModelConnection, Subscriber, type Wish } from './subscriber.ts';
import { credentials, type World } from './world.ts';
import { longStream, streamNames, streamOf } from './write-commands.ts';

/** Maximum number of open connections. */
const mostOpen = 8;

const categoryNames = fc.constantFrom('a', 'b', 'c', '😀', 'none');
const nothing: Selection = { all: false, streams: [], categories: [], group: null, fromPosition: 0 };

const selections: fc.Arbitrary<Selection> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Selection>({ ...nothing, all: true }) },
  { weight: 2, arbitrary: streamNames.map((stream) => ({ ...nothing, streams: [stream] })) },
  { weight: 3, arbitrary: categoryNames.map((category) => ({ ...nothing, categories: [category] })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ streams: fc.uniqueArray(streamNames, { maxLength: 4 }), categories: fc.uniqueArray(categoryNames) })
      .filter(({ streams, categories }) => streams.length + categories.length > 0)
      .map((names) => ({ ...nothing, ...names })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ categories: fc.uniqueArray(categoryNames, { minLength: 1 }), size: fc.integer({ min: 1, max: 4 }) })
      .chain(({ categories, size }) =>
        fc.nat({ max: size - 1 }).map((member) => ({ ...nothing, categories, group: { member, size } })),
      ),
  },
);

const wishes: fc.Arbitrary<Wish> = fc.record({
  namespace: someNamespace,
  selection: selections,
  position: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 12 }), fc.nat({ max: 300 })),
  lastEventId: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.nat({ max: 12 }), fc.nat({ max: 2_000 })),
  hello: fc.boolean(),
  heads: fc.boolean(),
  conflated: fc.boolean(),
  givesEpoch: fc.boolean(),
});

const someCredential = fc.constantFrom(...credentials);

const connections = fc.record({
  wish: wishes,
  /** A subscriber to share the selection with, so that fan-out groups have several members. */
  sameAs: fc.oneof(fc.constant(undefined), fc.nat()),
  credential: someCredential,
  withReader: fc.boolean(),
});

/** A new subscriber. */
const connect = command('connect', connections, {
  check: (world) => world.open.length < mostOpen,
  run: async (world, site, { wish, sameAs, credential, withReader }) => {
    const { subscribers } = world;
    const other = sameAs === undefined || subscribers.length === 0 ? undefined : pick(subscribers, sameAs).wish;
    const selection = { ...wish.selection, streams: wish.selection.streams.map(streamOf) };
    const { namespace } = other ?? wish;
    const subscriber = new Subscriber({ ...wish, namespace, selection: other?.selection ?? selection });
    await world.connect(site, subscriber, credential, withReader);
    subscribers.push(subscriber);
  },
});

/**
 * A new subscriber with the same selection as another, and a message between the page it reads and its announcement:
 * both contain the message, and only one may deliver it.
 */
const joinMeanwhile = command('joinMeanwhile', fc.record({ which: fc.nat(), count: fc.integer({ min: 1, max: 3 }) }), {
  check: (world) => world.open.length > 0 && world.open.length < mostOpen,
  run: async (world, site, { which, count }) => {
    const { wish } = pick(world.open, which).facts;
    const tenancy = world.tenancies.get(wish.namespace)!;
    site.store.holdAnnouncements();
    site.store.holdPages();
    world.append(site, tenancy, streamFor(wish.selection), new Array(count).fill({ type: 'Between', data: {} }));
    await tenancy.log.answered();
    const subscriber = new Subscriber({ ...wish, lastEventId: undefined });
    await world.connect(site, subscriber, 'header', false);
    world.subscribers.push(subscriber);
    site.catchUp();
  },
});

/** Reconnects a subscriber whose connection was cut or ended. */
const resume = command('resume', fc.record({ which: fc.nat(), credential: someCredential, withReader: fc.boolean() }), {
  check: (world) => gone(world).length > 0 && world.open.length < mostOpen,
  run: async (world, site, { which, credential, withReader }) => {
    const subscriber = pick(gone(world), which);
    const { client } = subscriber.connection;
    client.cutAfter(0);
    await client.closed;
    await world.connect(site, subscriber, credential, withReader);
  },
});

/** Resets a connection: at once, or after some more bytes, usually in the middle of a frame. */
const cut = toOne('cut', fc.oneof(fc.constant(0), fc.nat({ max: 400 }), fc.nat({ max: 50_000 })), (connection, bytes) =>
  connection.cut(bytes),
);

/** Pauses a reader. */
const pause = toOne('pause', fc.constant(undefined), (connection) => connection.pause());

const readOn = toOne('readOn', fc.constant(undefined), (connection) => connection.readOn());

/** Pauses a reader and writes until the server finds its socket full; then a little more. */
const stall = toOne('stall', fc.nat({ max: 2 }), async (connection, more, world, site) => {
  const wasPaused = connection.isPaused;
  connection.pause();
  const { log, wish, start } = connection.facts;
  const tenancy = world.tenancies.get(log.namespace)!;
  const name = new StreamName(longStream);
  const hears =
    !wasPaused && log === tenancy.log && selects({ ...wish.selection, ...start }, name, log.version(longStream) + 1);
  // Unannounced messages do not fill a socket.
  site.catchUp();
  const laggingBefore = site.lagging;
  // On an unreliable network a socket may not be full when an append is answered, so a few full sockets must be enough.
  let most = site.isUnreliable ? 6 : Number.POSITIVE_INFINITY;
  for (let extra = more; hears && world.longBatchesLeft > 0 && extra >= 0 && most-- > 0; world.longBatchesLeft--) {
    world.append(site, tenancy, longStream, new Array(200).fill({ type: 'Long', data: {} }));
    await log.answered();
    if (site.lagging > laggingBefore) extra--;
  }
});

/** Yields to the event loop. */
const turn = command('turn', fc.integer({ min: 1, max: 5 }), {
  run: async (_world, _site, turns) => {
    for (let number = 0; number < turns; number++) await nextTurn();
  },
});

/** An action on one of the open connections. */
function toOne<P>(
  name: string,
  parameter: fc.Arbitrary<P>,
  act: (connection: ModelConnection, parameter: P, world: World, site: Site) => Promise<void> | void,
): fc.Arbitrary<ModelCommand> {
  return command(name, fc.record({ which: fc.nat(), parameter }), {
    check: (world) => world.open.length > 0,
    run: (world, site, { which, parameter }) => act(pick(world.open, which), parameter, world, site),
  });
}

function gone(world: World): Subscriber[] {
  return world.subscribers.filter(({ connection }) => !connection.isOpen);
}

function pick<T>(list: readonly T[], which: number): T {
  return list[which % list.length]!;
}

export const readerCommands: readonly fc.WeightedArbitrary<ModelCommand>[] = [
  { weight: 9, arbitrary: connect },
  { weight: 2, arbitrary: joinMeanwhile },
  { weight: 6, arbitrary: resume },
  { weight: 5, arbitrary: cut },
  { weight: 3, arbitrary: pause },
  { weight: 4, arbitrary: readOn },
  { weight: 4, arbitrary: stall },
  { weight: 3, arbitrary: turn },
];
