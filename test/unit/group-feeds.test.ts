import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { ConsumerGroups } from '../../src/groups/consumer-groups.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { pokePool } from '../support/fake-messages.ts';

test('The feed of a log that a member is about to join outlives the turns of its node, and ends when nobody came.', async () => {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  const spec = { id: 'default', uid: 'uid', description: '', createdAtMs: 1, tokens: [] };
  const namespace = await createNamespace(store.namespaces, spec);
  const log = pino({ level: 'silent' });
  const groups = new ConsumerGroups({ store, records: new MemoryGroups(), log, stallTimeoutMs: 1_000, retention: {} });
  let nowMs = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  try {
    const feed = await groups.feedOf(namespace);
    await groups.turn();
    expect(groups.knownFeed(namespace)).toBe(feed);
    nowMs += 3 * groupTimes.nodeTtlMs;
    await groups.turn();
    expect(groups.knownFeed(namespace)).toBeUndefined();
  } finally {
    vi.restoreAllMocks();
    groups.stop();
    await store.close();
  }
});
