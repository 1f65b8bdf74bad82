import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { cursorId, tagOf } from '../../src/sse/cursor.ts';
import { fewStreams, selections } from '../support/arbitraries.ts';
import { type AskedFor, FakeNode, type Listening } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';
import type { ReceivedPoke } from '../support/sse-client.ts';

/** A subscriber as an `EventSource` is one: when its connection ends it comes again with the last event id. */
class Subscriber {
  readonly request: AskedFor;
  /** Global position behind which it is to be told everything that its selection names. */
  readonly startsAfter: number;
  readonly #node: FakeNode;
  readonly #earlier: FakeSink[] = [];
  #now: Listening | undefined = undefined;

  constructor(node: FakeNode, selection: Selection, position: number, head: number) {
    const { all, streams, categories, fromPosition } = selection;
    const isOneStream = streams.length === 1 && categories.length === 0;
    this.#node = node;
    this.startsAfter = all ? head : isOneStream ? 0 : Math.max(0, position - 1);
    // Without an id it cannot resume: everything would begin at the head again, so it begins with one.
    this.request = all
      ? { selection, lastEventId: head }
      : { selection: { ...selection, fromPosition: 0 }, position: isOneStream ? fromPosition : position };
  }

  get sink(): FakeSink {
    return this.#now!.sink;
  }

  get isClosed(): boolean {
    return this.#now!.subscription.state === 'closed';
  }

  /** All pokes of all its connections. */
  get pokes(): ReceivedPoke[] {
    return [...this.#earlier, this.sink].flatMap((sink) => sink.pokes);
  }

  async connect(room: number): Promise<void> {
    if (this.#now !== undefined) this.#earlier.push(this.#now.sink);
    const lastEventId = this.#earlier.flatMap((sink) => sink.positions).at(-1) ?? this.request.lastEventId;
    this.#now = await this.#node.subscribe({ ...this.request, lastEventId }, new FakeSink(room));
  }

  beat(): void {
    this.#now!.subscription.beat();
  }
}

type World = {
  readonly node: FakeNode;
  /** What is subscribed to: few selections, so that subscribers share audiences. */
  readonly wishes: readonly Selection[];
  readonly subscribers: Subscriber[];
  readonly log: Omit<ReceivedPoke, 'id'>[];
};
type Step = (world: World) => Promise<void> | void;

const rooms = fc.oneof(fc.nat({ max: 300 }), fc.constant(Number.POSITIVE_INFINITY));

const connecting = fc.record({ wish: fc.nat(), position: fc.nat({ max: 12 }), room: rooms }).map(
  ({ wish, position, room }): Step =>
    async ({ node, wishes, subscribers, log }) => {
      const subscriber = new Subscriber(node, wishes[wish % wishes.length]!, position, log.length);
      subscribers.push(subscriber);
      await subscriber.connect(room);
    },
);

const appending = fc
  .record({ stream: fewStreams, count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(60)) })
  .map(
    ({ stream, count }): Step =>
      async ({ node, log }) => {
        for (let number = 0; number < count; number++) {
          const position = log.filter((poke) => poke.stream === stream).length;
          log.push({ stream, position, globalPosition: log.length + 1 });
        }
        await node.append(stream, count);
      },
  );

/** Something that happens to one of the subscribers. */
function toOne(act: (subscriber: Subscriber, number: number) => Promise<void> | void): fc.Arbitrary<Step> {
  return fc.record({ which: fc.nat(), number: fc.nat({ max: 400 }) }).map(
    ({ which, number }): Step =>
      ({ subscribers }) => {
        const subscriber = subscribers[which % Math.max(1, subscribers.length)];
        if (subscriber !== undefined) return act(subscriber, number);
      },
  );
}

const stalling = toOne(({ sink }) => sink.stall());
const draining = toOne(({ sink }, bytes) => sink.drain(bytes));
const beating = toOne((subscriber) => subscriber.beat());
const reconnecting = toOne(async (subscriber, number) => {
  if (number % 3 === 0) subscriber.sink.hangUp();
  else if (number % 3 === 1) subscriber.sink.fail(new Error('reset'));
  else subscriber.sink.destroy();
  await subscriber.connect(number % 2 === 0 ? Number.POSITIVE_INFINITY : number);
});

const turning = fc.integer({ min: 1, max: 4 }).map(
  (turns): Step =>
    async () => {
      for (let turn = 0; turn < turns; turn++) await nextTurn();
    },
);

const storing: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>(({ node }) => node.store.holdReads()),
  fc.constant<Step>(({ node }) => node.store.answerReads()),
  fc.constant<Step>(({ node }) => node.store.holdAnnouncements()),
  fc.constant<Step>(({ node }) => node.store.resumeAnnouncements()),
  fc.nat({ max: 5 }).map(
    (count): Step =>
      ({ node }) =>
        node.store.announce(count),
  ),
  fc.constantFrom(1, 2, 5, 1_000).map(
    (pokes): Step =>
      ({ node }) => {
        node.store.pagePokes = pokes;
      },
  ),
  fc.nat({ max: 3 }).map(
    (turns): Step =>
      ({ node }) => {
        node.store.readTurns = turns;
      },
  ),
  fc.boolean().map(
    (fails): Step =>
      ({ node }) => {
        node.store.failure = fails ? new Error('disk') : undefined;
      },
  ),
);

const closingStalled: fc.Arbitrary<Step> = fc.constant(({ node }) => node.hub.closeStalled(Number.POSITIVE_INFINITY));

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: appending },
    { weight: 4, arbitrary: connecting },
    { weight: 4, arbitrary: turning },
    { weight: 3, arbitrary: stalling },
    { weight: 3, arbitrary: draining },
    { weight: 2, arbitrary: reconnecting },
    { weight: 2, arbitrary: storing },
    beating,
    closingStalled,
  ),
  { maxLength: 50, size: 'max' },
);

/** Lets everything go on until everybody has been told everything. */
async function finish({ node, subscribers }: World): Promise<void> {
  node.store.failure = undefined;
  node.store.answerReads();
  node.store.resumeAnnouncements();
  await node.settle();
  for (const subscriber of subscribers) if (subscriber.isClosed) await subscriber.connect(Number.POSITIVE_INFINITY);
  for (const { sink } of subscribers) sink.drain();
  await node.settle();
}

test('any interleaving of append, connect, stall, drain and reconnect tells every matching message exactly once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.array(selections, { minLength: 1, maxLength: 3 }), async (steps, wishes) => {
      await using node = new FakeNode({ stallTimeoutMs: 1 });
      const world: World = { node, wishes, subscribers: [], log: [] };
      for (const step of steps) await step(world);
      await finish(world);
      for (const { request, startsAfter, pokes } of world.subscribers) {
        const selection = { ...request.selection!, fromPosition: 0 };
        const isOneStream = selection.streams.length === 1 && selection.categories.length === 0;
        const from = isOneStream ? request.position! : 0;
        const expected = world.log.filter(
          ({ stream, position, globalPosition }) =>
            globalPosition > startsAfter && position >= from && selects(selection, new StreamName(stream), position),
        );
        const tag = tagOf((await node.store.extent('default')).epoch);
        expect(pokes).toEqual(expected.map((poke) => ({ ...poke, id: cursorId(poke.globalPosition, tag) })));
      }
      expect([...node.hub.subscriptions].map(({ state }) => state)).toEqual(world.subscribers.map(() => 'live'));
      expect(node.leased).toBe(0);
    }),
    { numRuns: 600 },
  );
});
