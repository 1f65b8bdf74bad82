import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Wishes } from '../../src/hub/starting-point.ts';
import type { Selection } from '../../src/message/selection.ts';
import { fewStreams } from '../support/arbitraries.ts';
import type { FakeNode } from '../support/fake-node.ts';
import { isSingleStream, type Log, Subscriber } from './subscriber.ts';

/** Two nodes over one log, and its subscribers. */
export type World = {
  readonly nodes: readonly [FakeNode, FakeNode];
  /** Selections to subscribe to; few, so that subscribers share groups. */
  readonly wishes: readonly Selection[];
  readonly subscribers: Subscriber[];
  log: Log;
};

export type Step = (world: World) => Promise<void> | void;

/** The nodes' current log, which continues after `head`. */
export async function beginLog({ store }: FakeNode, head: number): Promise<Log> {
  return { epoch: (await store.namespace('default')).log, places: [], head };
}

const rooms = fc.oneof(fc.nat({ max: 300 }), fc.constant(Number.POSITIVE_INFINITY));
const someNode = fc.constantFrom(0, 0, 1);

const wishes: fc.Arbitrary<Wishes> = fc.record({
  hello: fc.boolean(),
  heads: fc.boolean(),
  conflated: fc.boolean(),
  heartbeatMs: fc.constant(undefined),
});

const connecting = fc
  .record({ wish: fc.nat(), position: fc.nat({ max: 12 }), wishes, room: rooms, node: someNode })
  .map(({ wish, position, wishes: asked, room, node }): Step => {
    return async ({ nodes, wishes, subscribers, log }) => {
      const selection = wishes[wish % wishes.length]!;
      const subscriber = new Subscriber({
        selection,
        position: isSingleStream(selection) ? selection.fromPosition : position,
        // Only its hello reports where a subscription at the head started.
        wishes: { ...asked, hello: asked.hello || selection.all },
      });
      subscribers.push(subscriber);
      await subscriber.connect(nodes[node]!, log, room);
    };
  });

/** Appends on one node; the other may only get a hint. */
const appending = fc
  .record({
    stream: fewStreams,
    count: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constantFrom(60, 150)),
    node: someNode,
    isHinted: fc.boolean(),
  })
  .map(({ stream, count, node, isHinted }): Step => {
    return async ({ nodes, log }) => {
      for (let number = 0; number < count; number++) {
        const position = log.places.filter((place) => place.stream === stream).length;
        log.places.push({ stream, position, globalPosition: ++log.head });
      }
      const other = nodes[1 - node]!;
      other.store.announcesHints = isHinted;
      await nodes[node]!.append(stream, count);
      other.store.announcesHints = false;
    };
  });

/** An action on one of the subscribers. */
function toOne(
  act: (subscriber: Subscriber, number: number, world: World) => Promise<void> | void,
): fc.Arbitrary<Step> {
  return fc.record({ which: fc.nat(), number: fc.nat({ max: 400 }) }).map(({ which, number }): Step => {
    return (world) => {
      const { subscribers } = world;
      const subscriber = subscribers[which % Math.max(1, subscribers.length)];
      if (subscriber !== undefined) return act(subscriber, number, world);
    };
  });
}

const stalling = toOne(({ sink }) => sink.stall());
const draining = toOne(({ sink }, bytes) => sink.drain(bytes));
const beating = toOne((subscriber) => subscriber.beat());

/** Ends its connection; it reconnects to the same node, or to one that may not know its cursor yet. */
const reconnecting = toOne(async (subscriber, number, { nodes, log }) => {
  if (number % 3 === 0) subscriber.sink.hangUp();
  else if (number % 3 === 1) subscriber.sink.fail(new Error('reset'));
  else subscriber.sink.destroy();
  await subscriber.connect(nodes[number % 5 < 3 ? 0 : 1]!, log, number % 2 === 0 ? Number.POSITIVE_INFINITY : number);
});

const turning = fc.integer({ min: 1, max: 4 }).map((turns): Step => {
  return async () => {
    for (let turn = 0; turn < turns; turn++) await nextTurn();
  };
});

/** An action on the store of one of the nodes. */
function toStore<P>(parameter: fc.Arbitrary<P>, act: (node: FakeNode, parameter: P) => void): fc.Arbitrary<Step> {
  return fc.record({ node: someNode, parameter }).map(
    ({ node, parameter }): Step =>
      ({ nodes }) =>
        act(nodes[node]!, parameter),
  );
}

const nothing = fc.constant(undefined);

const storing: fc.Arbitrary<Step> = fc.oneof(
  toStore(nothing, ({ store }) => store.holdReads()),
  toStore(nothing, ({ store }) => store.answerReads()),
  toStore(nothing, ({ store }) => store.holdAnnouncements()),
  toStore(nothing, ({ store }) => store.resumeAnnouncements()),
  toStore(fc.nat({ max: 5 }), ({ store }, count) => store.announce(count)),
  toStore(fc.nat({ max: 5 }), ({ store }, count) => store.lose(count)),
  toStore(nothing, ({ store }) => store.announceLast()),
  toStore(nothing, ({ store }) => store.announceTwice()),
  toStore(nothing, (node) => node.look()),
  toStore(fc.constantFrom(1, 2, 5, 1_000), ({ store }, pokes) => {
    store.pagePokes = pokes;
  }),
  toStore(fc.nat({ max: 3 }), ({ store }, turns) => {
    store.readTurns = turns;
  }),
  toStore(fc.boolean(), ({ store }, fails) => {
    store.failure = fails ? new Error('disk') : undefined;
  }),
);

const closingStalled = fc.constantFrom(0, 1).map(
  (node): Step =>
    ({ nodes }) =>
      nodes[node]!.hub.closeStalled(Number.POSITIVE_INFINITY),
);

/** Replaces the log. The watch on namespaces reports it to nodes that do not notice it otherwise. */
const replacing = fc.constant<Step>(async (world) => {
  const { nodes, subscribers, log } = world;
  await nodes[0].replaceLog();
  world.log = await beginLog(nodes[0], log.head);
  for (const subscriber of subscribers) subscriber.endOf(log);
});

export const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: appending },
    { weight: 16, arbitrary: connecting },
    { weight: 16, arbitrary: turning },
    { weight: 12, arbitrary: stalling },
    { weight: 12, arbitrary: draining },
    { weight: 10, arbitrary: reconnecting },
    { weight: 12, arbitrary: storing },
    { weight: 16, arbitrary: beating },
    { weight: 4, arbitrary: closingStalled },
    { weight: 1, arbitrary: replacing },
  ),
  { maxLength: 50, size: 'max' },
);
