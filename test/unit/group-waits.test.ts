import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ConsumerGroups } from '../../src/groups/consumer-groups.ts';
import { createGroup } from '../../src/groups/create-group.ts';
import { maxNamespaceMembers, newGroup } from '../../src/groups/group.ts';
import { acknowledge } from '../../src/groups/group-work.ts';
import { joinGroup } from '../../src/groups/join-group.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import { waitForGroup } from '../../src/groups/wait-for-group.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { FakeSink } from '../support/fake-sink.ts';

/** A node over a store in memory, with a group of two partitions and a message in each. */
async function startGroup() {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  const spec = { id: 'default', uid: 'uid', description: '', createdAtMs: 1, tokens: [] };
  const namespace = await createNamespace(store.namespaces, spec);
  const records = new MemoryGroups();
  const log = pino({ level: 'silent' });
  const groups = new ConsumerGroups({ store, records, log, stallTimeoutMs: 1_000, retention: {} });
  onTestFinished(async () => {
    groups.stop();
    await store.close();
  });
  for (const stream of ['account-0', 'account-1']) {
    await store.log(namespace.log).append(stream, newMessages(1), undefined);
  }
  await createGroup(groups, namespace, 'billing', { category: 'account', size: 2 });
  return { store, namespace, groups, records };
}

const asked = {
  group: 'billing',
  category: 'account',
  member: 'one',
  size: 2,
  session: undefined,
  attempt: 1,
  address: undefined,
};

/** A member that owns both partitions, according to the group's record. */
async function joinAll({ groups, namespace }: Awaited<ReturnType<typeof startGroup>>) {
  await joinGroup(groups, namespace, asked, () => {});
  const owned = async () => (await groups.find(namespace, 'billing')).partitions;
  await expect.poll(async () => (await owned()).every(({ holder }) => holder !== undefined)).toBe(true);
  return (await owned()).map(({ generation }, partition) => ({ layout: 0, partition, generation }));
}

test('A waiting request in the only process reads no record, and checks only partitions that are not settled yet.', async () => {
  const started = await startGroup();
  const { store, namespace, groups, records } = started;
  const owned = await joinAll(started);
  const ack = (partition: number) => acknowledge(groups, namespace, 'billing', [{ ...owned[partition]!, position: 2 }]);
  await expect.poll(async () => (await ack(0)).acked).toHaveLength(1);
  const asking = { position: 2, stream: undefined, timeoutMs: 60_000 };
  const log = store.log(namespace.log);
  const lasts = vi.spyOn(log, 'last');
  vi.spyOn(store, 'log').mockReturnValue(log);
  const reads = vi.spyOn(records, 'read');
  const waiting = waitForGroup(groups, namespace, 'billing', asking, () => false);
  const key = groupKey(namespace.uid, 'billing');
  for (let look = 0; look < 5; look++) {
    await expect.poll(() => groups.waiting.get(key)?.size).toBe(1);
    for (const check of groups.waiting.get(key)!) check();
  }
  expect(reads).not.toHaveBeenCalled();
  expect(lasts).toHaveBeenCalledTimes(1);
  await ack(1);
  expect(await waiting).toEqual({ reached: true, checkpoint: 2, held: 0 });
});

test('A namespace has a maximum number of members, and former members may rejoin.', async () => {
  const { namespace, groups, records } = await startGroup();
  const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
  const given = { category: 'account', options, epoch: namespace.log, size: 1, generation: 0, position: 0 };
  const common = { node: 'other', attempt: 1, isDetached: false, isEvicted: false, keepMs: undefined };
  const perGroup = 250;
  for (let n = 0; n < maxNamespaceMembers / perGroup; n++) {
    const name = groups.nameOf(namespace, `full-${n}`);
    const group = newGroup(`id-${n}`, given);
    for (let order = 0; order < perGroup; order++) {
      group.members[`s-${n}-${order}`] = { ...common, name: `m-${order}`, order, address: undefined };
    }
    await records.write([
      { key: groupKey(name.uid, name.name), revision: 0, text: JSON.stringify(group), isQuiet: false },
    ]);
    groups.node.look(name, group);
  }
  await expect(joinGroup(groups, namespace, asked, () => {})).rejects.toMatchObject({ code: 'TOO_MANY_MEMBERS' });
  const back = joinGroup(groups, namespace, { ...asked, session: 'before' }, () => {});
  await expect(back).resolves.toBeDefined();
});

test('A join that ends after all streams were ended is ended like them.', async () => {
  const { namespace, groups } = await startGroup();
  const released = Promise.withResolvers<void>();
  const join = groups.node.join.bind(groups.node);
  vi.spyOn(groups.node, 'join').mockImplementation(async (name, joining) => {
    const joined = await join(name, joining);
    groups.endAll('draining');
    return joined;
  });
  const stream = await joinGroup(groups, namespace, asked, released.resolve);
  const sink = new FakeSink();
  stream.open(sink, 'plain', Buffer.from('head'), 1_000);
  await released.promise;
  expect(sink.received.toString()).toMatch(/event: end\ndata: ?\{"code":"draining"\}/);
  expect(groups.streams.size).toBe(0);
});
