import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ConsumerGroups } from '../../src/groups/consumer-groups.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import type { Log, LogBounds } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { pokePool } from '../support/fake-messages.ts';

/** The groups of one node over a store in memory, and a namespace there. */
async function startGroups() {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  const spec = { id: 'default', uid: 'uid', description: '', createdAtMs: 1, tokens: [] };
  const namespace = await createNamespace(store.namespaces, spec);
  const log = pino({ level: 'silent' });
  const groups = new ConsumerGroups({ store, records: new MemoryGroups(), log, stallTimeoutMs: 1_000, retention: {} });
  onTestFinished(async () => {
    groups.stop();
    await store.close();
  });
  return { store, namespace, groups };
}

/** Replaces the clock by one that only its caller moves. */
function fakeClock() {
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  onTestFinished(() => clock.mockRestore());
  return (ms: number) => {
    nowMs += ms;
  };
}

test('The feed of a log that a member is about to join outlives the turns of its node, and ends when nobody came.', async () => {
  const { namespace, groups } = await startGroups();
  const advance = fakeClock();
  const feed = await groups.feedOf(namespace);
  await groups.turn();
  expect(groups.knownFeed(namespace)).toBe(feed);
  advance(3 * groupTimes.nodeTtlMs);
  await groups.turn();
  expect(groups.knownFeed(namespace)).toBeUndefined();
});

test('A join to a log that was deleted is refused.', async () => {
  const { namespace, groups } = await startGroups();
  await expect(groups.feedOf({ ...namespace, log: newLogId() })).rejects.toMatchObject({ code: 'LOG_GONE' });
});

test('A join that waits for the head of a log is refused when its node stops.', async () => {
  const { store, namespace, groups } = await startGroups();
  vi.spyOn(store, 'log').mockReturnValue({
    ...store.log(namespace.log),
    follow: () => () => {},
    bounds: () => Promise.withResolvers<LogBounds>().promise,
  } as Log);
  const joining = groups.feedOf(namespace);
  groups.stop();
  await expect(joining).rejects.toMatchObject({ code: 'NOT_READY' });
});
