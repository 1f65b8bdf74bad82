import fc from 'fast-check';
import { expect, test } from 'vitest';
import { selections } from '../support/arbitraries.ts';
import { FakeNode } from '../support/fake-node.ts';
import { slowClock } from '../support/slow-clock.ts';
import { beginLog, steps, type World } from './delivery-steps.ts';

/** Defaults. PROPERTY_SEED reproduces a run, and PROPERTY_SHRINK=off ends a run at its first failure without shrinking it. */
const { PROPERTY_RUNS = '500', PROPERTY_SEED, PROPERTY_SHRINK } = process.env;
const parameters = {
  numRuns: Number(PROPERTY_RUNS),
  endOnFailure: PROPERTY_SHRINK === 'off',
  ...(PROPERTY_SEED === undefined ? {} : { seed: Number(PROPERTY_SEED) }),
};

/** If time passes faster, flushes are delayed, and pages are delivered over several turns. */
const clocks = fc.constantFrom(0, 0.5, 3);

/** Lets all activity continue until all subscribers have received everything. */
async function finish({ nodes, subscribers, log }: World): Promise<void> {
  for (const { store } of nodes) {
    store.failure = undefined;
    store.answerReads();
    // Announcements held back are lost, so only a periodic check finds their messages.
    store.lose();
    store.resumeAnnouncements();
  }
  for (const node of nodes) await node.settle();
  for (const node of nodes) node.look();
  for (const node of nodes) await node.settle();
  for (const subscriber of subscribers) {
    if (subscriber.isClosed) await subscriber.connect(nodes[0], log, Number.POSITIVE_INFINITY);
  }
  for (const { sink } of subscribers) sink.drain();
  for (const node of nodes) await node.settle();
}

test('any interleaving of append, connect, stall, drain and reconnect on two nodes delivers every matching message exactly once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(selections, { minLength: 1, maxLength: 3 }),
      clocks,
      async (steps, wishes, stepMs) => {
        using _clock = stepMs === 0 ? undefined : slowClock(stepMs);
        const options = { stallTimeoutMs: 1, retryDelays: { firstMs: 0, longestMs: 0 }, windowPokes: 64 };
        await using first = new FakeNode(options);
        await using second = new FakeNode({ ...options, storage: first.storage });
        const world: World = { nodes: [first, second], wishes, subscribers: [], log: await beginLog(first, 0) };
        for (const step of steps) await step(world);
        await finish(world);
        for (const subscriber of world.subscribers) subscriber.judge();
        // A subscriber that starts beyond the head waits for the log to get there.
        const states = world.subscribers.map(({ stateName, isAhead }) => [stateName, isAhead]);
        expect(states.filter(([name, isAhead]) => name !== (isAhead ? 'catching-up' : 'live'))).toEqual([]);
        const open = first.hub.subscriptions.size + second.hub.subscriptions.size;
        expect(open).toBe(world.subscribers.length);
        expect([first.leased, second.leased]).toEqual([0, 0]);
      },
    ),
    parameters,
  );
});
