import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { deleteGroup } from '../../src/groups/administer-group.ts';
import { ConsumerGroups } from '../../src/groups/consumer-groups.ts';
import { createGroup } from '../../src/groups/create-group.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import { maxMeasuredGroups, maxMeasuredGroupsOfNamespace } from '../../src/groups/lag-meter.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { Namespace } from '../../src/store/namespace-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';

/** Two nodes over one store in memory. */
async function startNodes() {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  const records = new MemoryGroups();
  const log = pino({ level: 'silent' });
  // Turns run only when the tests call them.
  const times = { ...groupTimes, turnMs: 3_600_000 };
  const start = () => new ConsumerGroups({ store, records, log, times, stallTimeoutMs: 1_000, retention: {} });
  const nodes = [start(), start()] as const;
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  onTestFinished(async () => {
    clock.mockRestore();
    for (const node of nodes) node.stop();
    await store.close();
  });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const namespaceOf = (id: string) =>
    createNamespace(store.namespaces, { id, uid: id, description: '', createdAtMs: 1, tokens: [] });
  return { store, records, nodes, namespaceOf, pass };
}

const lagsOf = ({ lags }: ConsumerGroups) =>
  Array.from(lags.measured, ({ namespace, group, lag }) => [namespace.id, group, lag?.messages]);

/** Creates a group; resolves when its partitions have their checkpoints. */
async function create(groups: ConsumerGroups, namespace: Namespace, name: string): Promise<void> {
  await createGroup(groups, namespace, name, { category: 'account', size: 1 });
  await new Promise((resolve) => setImmediate(resolve));
}

test('A node measures the groups of every node, and drops those that are gone.', async () => {
  const { store, nodes, namespaceOf, pass } = await startNodes();
  const [one, other] = nodes;
  const namespace = await namespaceOf('default');
  await create(one, namespace, 'billing');
  await store.log(namespace.log).append('account-1', newMessages(3), undefined);
  for (const node of nodes) await node.lags.turn();
  expect(lagsOf(other)).toEqual([['default', 'billing', 3]]);
  expect(lagsOf(one)).toEqual([['default', 'billing', 3]]);
  await deleteGroup({ groups: one, namespace, name: 'billing' });
  pass(31_000);
  for (const node of nodes) await node.lags.turn();
  expect([...lagsOf(one), ...lagsOf(other)]).toEqual([]);
});

test('The number of measured groups is bounded, in total and per namespace, and the others are counted.', async () => {
  const { nodes, namespaceOf } = await startNodes();
  const [one, other] = nodes;
  for (const id of ['a', 'b', 'c']) {
    const namespace = await namespaceOf(id);
    for (let n = 0; n < maxMeasuredGroupsOfNamespace + 5; n++) await create(one, namespace, `g${n}`);
  }
  await other.lags.turn();
  expect(lagsOf(other)).toHaveLength(maxMeasuredGroups);
  const ids = new Set(lagsOf(other).map(([id]) => id));
  expect(ids).toEqual(new Set(['a', 'b']));
  expect(other.lags.omitted).toBe(3 * (maxMeasuredGroupsOfNamespace + 5) - maxMeasuredGroups);
});

test('A group that has settled everything costs nothing until its log grows.', async () => {
  const { store, records, nodes, namespaceOf } = await startNodes();
  const [one] = nodes;
  const namespace = await namespaceOf('default');
  const log = store.log(namespace.log);
  await create(one, namespace, 'billing');
  await one.feedOf(namespace);
  await one.lags.turn();
  expect(lagsOf(one)).toEqual([['default', 'billing', 0]]);
  const reads = vi.spyOn(records, 'read');
  for (let turn = 0; turn < 10; turn++) await one.lags.turn();
  expect(reads).not.toHaveBeenCalled();
  await log.append('account-1', newMessages(2), undefined);
  await expect.poll(() => one.knownFeed(namespace)?.head).toBe(2);
  await one.lags.turn();
  expect(lagsOf(one)).toEqual([['default', 'billing', 2]]);
});

test('A group that has settled everything is measured without a read by the node that has its partitions.', async () => {
  const { records, nodes, namespaceOf } = await startNodes();
  const [one, other] = nodes;
  const namespace = await namespaceOf('default');
  await create(one, namespace, 'billing');
  const reads = vi.spyOn(records, 'read');
  await one.lags.turn();
  expect(lagsOf(one)).toEqual([['default', 'billing', 0]]);
  expect(reads).not.toHaveBeenCalled();
  await other.lags.turn();
  expect(lagsOf(other)).toEqual([['default', 'billing', 0]]);
});

test('A group that cannot be measured does not prevent measuring the others.', async () => {
  const { nodes, namespaceOf, records } = await startNodes();
  const [one, other] = nodes;
  const namespace = await namespaceOf('default');
  for (const name of ['a', 'b']) await create(one, namespace, name);
  vi.spyOn(records, 'read').mockRejectedValueOnce(new Error('no answer'));
  await other.lags.turn();
  expect(lagsOf(other).map(([, , messages]) => messages)).toEqual([undefined, undefined]);
  await other.lags.turn();
  expect(lagsOf(other).map(([, , messages]) => messages)).toEqual([0, 0]);
});
