import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { resetGroup, resizeGroup, setGroupRunning } from '../../src/groups/administer-group.ts';
import { ConsumerGroups } from '../../src/groups/consumer-groups.ts';
import { createGroup } from '../../src/groups/create-group.ts';
import { newGroup } from '../../src/groups/group.ts';
import { GroupFeed } from '../../src/groups/group-feed.ts';
import { WatchedGroup } from '../../src/groups/group-state.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import { joinGroup } from '../../src/groups/join-group.ts';
import { type GroupEvent, MemberSession } from '../../src/groups/member-session.ts';
import { newPartition } from '../../src/groups/partition-record.ts';
import { ReadSlots } from '../../src/hub/read-slots.ts';
import type { Log, LogBounds } from '../../src/store/log.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';

/** The groups of a node over a store in memory, and a namespace. */
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

/** Replaces the clock by one that only the test advances. */
function fakeClock() {
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  onTestFinished(() => clock.mockRestore());
  return (ms: number) => {
    nowMs += ms;
  };
}

test('The feed of a log that a member is about to join survives the turns of its node, and ends if no member joined.', async () => {
  const { namespace, groups } = await startGroups();
  const advance = fakeClock();
  const feed = await groups.feedOf(namespace);
  await groups.turn();
  expect(groups.knownFeed(namespace)).toBe(feed);
  advance(3 * groupTimes.nodeTtlMs);
  await groups.turn();
  expect(groups.knownFeed(namespace)).toBeUndefined();
});

test('A join to a deleted log is refused.', async () => {
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

test('A member that waits for a reset after its log was replaced follows the new log from then on.', async () => {
  const { store, namespace, groups } = await startGroups();
  const spec = { id: 'other', uid: 'other', description: '', createdAtMs: 1, tokens: [] };
  const replaced = { ...namespace, log: (await createNamespace(store.namespaces, spec)).log };
  const advance = fakeClock();
  await createGroup(groups, namespace, 'billing', { category: 'account', size: 1 });
  const asked = { group: 'billing', category: 'account', member: 'one', size: 1, session: undefined, attempt: 1 };
  await joinGroup(groups, replaced, { ...asked, address: undefined }, () => {});
  const [session] = [...groups.node.watched].flatMap(({ sessions }) => [...sessions.keys()]);
  for (let beat = 1; beat <= 6; beat++) {
    advance(groupTimes.nodeTtlMs / 2);
    groups.node.beat(session!, beat);
    await groups.turn();
  }
  await resetGroup(
    { groups, namespace: replaced, name: 'billing' },
    { position: 'first', partitions: undefined, reason: 'replaced' },
  );
  await expect.poll(() => groups.knownFeed(replaced)?.isIdle).toBe(false);
});

test('Members that concurrently return to a group that adopts a new log automatically reset it once.', async () => {
  const { store, namespace, groups } = await startGroups();
  const spec = { id: 'other', uid: 'other', description: '', createdAtMs: 1, tokens: [] };
  const replaced = { ...namespace, log: (await createNamespace(store.namespaces, spec)).log };
  await createGroup(groups, namespace, 'billing', { category: 'account', size: 1, onNewLog: 'first' });
  const asked = { group: 'billing', category: 'account', size: 1, session: undefined, attempt: 1, address: undefined };
  const join = (member: string) => joinGroup(groups, replaced, { ...asked, member }, () => {});
  await Promise.all(['one', 'two', 'three'].map(join));
  expect(await groups.find(replaced, 'billing')).toMatchObject({ layout: 1, epoch: replaced.log, state: 'running' });
});

test('A resize is refused until the partitions have passed the floors of earlier resizes.', async () => {
  const { namespace, groups } = await startGroups();
  const records = groups.node.options.store;
  const { group } = await createGroup(groups, namespace, 'billing', { category: 'account', size: 1 });
  const key = groups.partitionKey(namespace, group, 0, 0);
  const leave = async (count: number) => {
    await expect.poll(async () => (await records.read([key]))[0]).toBeDefined();
    const { revision, text } = (await records.read([key]))[0]!;
    const floors = Array.from({ length: count }, (_value, partition) => ({ size: count, partition, upTo: 5 }));
    await records.write([{ key, revision, text: JSON.stringify({ ...JSON.parse(text), floors }), isQuiet: true }]);
  };
  const resize = () => resizeGroup({ groups, namespace, name: 'billing' }, 2);
  await leave(2_048);
  await expect(resize()).rejects.toMatchObject({ code: 'GROUP_BUSY' });
  await leave(2_047);
  await resize();
  expect(await groups.find(namespace, 'billing')).toMatchObject({ layout: 1, size: 2 });
});

test('A group continues when a node learned of its new log late, and a stopped one stays stopped.', async () => {
  const { store, namespace, groups } = await startGroups();
  const spec = { id: 'other', uid: 'other', description: '', createdAtMs: 1, tokens: [] };
  const former = { ...namespace, log: (await createNamespace(store.namespaces, spec)).log };
  await createGroup(groups, namespace, 'billing', { category: 'account', size: 1 });
  const asked = { group: 'billing', category: 'account', size: 1, session: undefined, attempt: 1, address: undefined };
  const stateAfter = async (member: string, of: typeof namespace) => {
    await joinGroup(groups, of, { ...asked, member }, () => {});
    return (await groups.find(namespace, 'billing')).state;
  };
  expect([await stateAfter('one', former), await stateAfter('two', namespace)]).toEqual(['new-log', 'running']);
  await setGroupRunning({ groups, namespace, name: 'billing' }, false);
  expect([await stateAfter('three', former), await stateAfter('four', namespace)]).toEqual(['stopped', 'stopped']);
  await expect(setGroupRunning({ groups, namespace: former, name: 'billing' }, true)).rejects.toMatchObject({
    code: 'GROUP_BUSY',
  });
});

test('Pokes of a partition pause while 1,000 of them are not acknowledged, and continue after an acknowledgement.', async () => {
  const { store, namespace } = await startGroups();
  const log = store.log(namespace.log);
  let record = newPartition(0);
  const failed = (error: unknown) => Promise.reject(error);
  const feed = new GroupFeed({ log, slots: new ReadSlots(), partition: () => record, failed });
  onTestFinished(() => feed.stop());
  await feed.begun;
  const pokes: number[] = [];
  const send = (event: GroupEvent) => event.event === 'poke' && pokes.push(event.data.globalPosition);
  const session = new MemberSession('session', { attempt: 1, epoch: log.id }, { send, end: () => {} }, 0);
  const told = session.note({ layout: 0, partition: 0, generation: 1 }, 'key');
  const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
  const given = { category: 'account', options, epoch: namespace.log, size: 1, generation: 1, position: 0 };
  feed.update(new WatchedGroup({ uid: 'uid', name: 'billing' }, newGroup('id', given)), session, told);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const append = async () => {
    await log.append('account-1', newMessages(1), undefined);
    await turn();
  };
  for (let count = 1; count <= 1_000; count++) {
    await append();
    while (pokes.length < count) await turn();
  }
  expect(feed.waiting).toEqual(['key']);
  await append();
  while (feed.head < 1_001) await turn();
  await turn();
  expect(pokes.length).toBe(1_000);
  record = { ...record, checkpoint: 500 };
  await append();
  while (pokes.length < 1_001) await turn();
  expect(pokes.at(-1)).toBe(1_002);
  expect(feed.waiting).toEqual([]);
});
