import { expect, test } from 'vitest';
import { groupTimes } from '../../src/groups/group-times.ts';
import { remove } from '../../src/groups/membership.ts';
import { name, Scene } from './scene.ts';

const { leaseMs, handOverMs } = groupTimes;

/** Races that random schedules meet once in thousands, each named. */

/** Worker `a` owns both partitions, and is about to hand the second over to `b`. */
async function handingOver(nodes = 1) {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = nodes === 1 ? one : await scene.startNode();
  const a = await scene.startWorker('a', one);
  expect([a.mayStart(0), a.mayStart(1)]).toEqual([true, true]);
  const b = await scene.startWorker('b', other);
  await scene.pass(1_000);
  return { scene, one, other, a, b };
}

test('hello-extends: a reconnect does not restore a partition that was reassigned while its connection was dead.', async () => {
  const scene = await Scene.begin();
  const node = await scene.startNode();
  const a = await scene.startWorker('a', node);
  await scene.pass(3_000);
  a.isDeaf = true;
  const b = await scene.startWorker('b', node);
  await scene.pass(handOverMs + leaseMs + 10_000);
  expect([b.mayStart(1), a.mayStart(1)]).toEqual([true, false]);
  a.isDeaf = false;
  await a.connect(node);
  await scene.pass(3_000);
  expect(a.told('lease').at(-1)).toMatchObject({ except: [] });
  expect([a.mayStart(0), a.mayStart(1), b.mayStart(1)]).toEqual([true, false, true]);
});

test('no-attempt: a connection attempt that arrives after a later one is refused, and one node decides about the session.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = await scene.startNode();
  const a = await scene.startWorker('a', one);
  const generations = (await scene.group()).partitions.map(({ generation }) => generation);
  const late = a.attempt(one);
  expect(await a.connect(other)).toMatchObject({ outcome: 'joined' });
  expect(await late()).toEqual({ outcome: 'old-attempt' });
  await scene.pass(2 * leaseMs);
  const { members, partitions } = await scene.group();
  expect(members).toMatchObject({ [a.session]: { node: other.node.health.id, attempt: 3, isDetached: false } });
  expect(partitions.map(({ generation }) => generation)).toEqual(generations);
  expect(a.ends).toEqual(['superseded']);
  expect([a.mayStart(0), a.mayStart(1)]).toEqual([true, true]);
});

test('timer-any-attach: the expiry of a connection does not remove a session that has reconnected at another node.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = await scene.startNode();
  const a = await scene.startWorker('a', one);
  a.isBeating = false;
  const letGo = one.store.holdNext();
  await scene.pass(leaseMs + 2_000);
  expect(one.store.isHolding).toBe(false);
  const before = await scene.group();
  await a.connect(other);
  a.isBeating = true;
  letGo();
  await scene.pass(leaseMs);
  const { members, partitions } = await scene.group();
  expect(members).toMatchObject({ [a.session]: { node: other.node.health.id, attempt: 2 } });
  expect(partitions).toEqual(before.partitions);
  expect([a.mayStart(0), a.mayStart(1)]).toEqual([true, true]);
});

test('timer-any-gen: a forced hand-over does not affect the generation that followed a release.', async () => {
  const { scene, one, a, b } = await handingOver();
  const former = a.owned(1)!.generation;
  const letGo = one.store.holdNext();
  await scene.pass(handOverMs + leaseMs + 5_000);
  expect(one.store.isHolding).toBe(false);
  await b.leave();
  await a.release(1)();
  const { generation } = a.owned(1)!;
  expect(generation).toBeGreaterThan(former);
  await scene.startWorker('c', one);
  letGo();
  await scene.settle();
  expect((await scene.group()).partitions[1]).toMatchObject({ holder: a.session, generation });
});

test('keep: a revocation stays in force if the partition keeps its owner after all, and its release starts a new generation.', async () => {
  const { scene, a, b } = await handingOver();
  const former = a.owned(1)!.generation;
  expect(a.told('revoke')).toMatchObject([{ partition: 1, generation: former }]);
  const release = a.release(1);
  await b.leave();
  await scene.pass(3_000);
  expect((await scene.group()).partitions[1]).toMatchObject({ next: a.session, generation: former });
  expect(a.mayStart(1)).toBe(false);
  await release();
  const { generation } = a.owned(1)!;
  expect(generation).toBeGreaterThan(former);
  // Repeated because its answer was lost.
  await scene.pass(leaseMs);
  expect([a.mayStart(1), a.owned(1)!.generation]).toEqual([true, generation]);
});

test('accept-released: a release is final, even if it arrives after a reconnect that was assigned the same generation.', async () => {
  const { scene, one, a, b } = await handingOver();
  const { generation } = a.owned(1)!;
  const release = a.release(1);
  await a.cut();
  await a.connect(one);
  expect(a.told('assigned').at(-1)).toMatchObject({ partition: 1, generation });
  expect(a.mayStart(1)).toBe(false);
  await release();
  await scene.pass(1_000);
  expect([a.mayStart(1), b.mayStart(1)]).toEqual([false, true]);
  await release();
  expect([a.mayStart(1), b.mayStart(1)]).toEqual([false, true]);
});

test('expire-late-stop: a beat that arrives while a session expires is not answered.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const a = await scene.startWorker('a', one);
  a.isBeating = false;
  const letGo = one.store.holdNext();
  await scene.pass(leaseMs + 2_000);
  expect(one.store.isHolding).toBe(false);
  const leases = a.told('lease').length;
  a.isBeating = true;
  a.beat();
  await scene.settle();
  expect(a.told('lease').length).toBe(leases);
  expect(a.ends).toEqual(['fenced']);
  letGo();
  await scene.settle();
  expect((await scene.group()).members).toEqual({});
});

test('A partition whose worker does not release it is reassigned one lease after the hand-over time, even if beats continue.', async () => {
  const { scene, a, b } = await handingOver(2);
  await scene.pass(handOverMs + leaseMs - 3_000);
  expect(b.mayStart(1)).toBe(false);
  await scene.pass(8_000);
  expect(a.told('lease').at(-1)).toMatchObject({ except: [] });
  expect(a.told('lease').some(({ except }) => except.includes(1))).toBe(true);
  expect([a.mayStart(0), a.mayStart(1), b.mayStart(1)]).toEqual([true, false, true]);
});

test('A worker with the same name waits while its predecessor may be alive, and gets the share at once when the predecessor is gone.', async () => {
  const { scene, one, other, a } = await handingOver(2);
  await a.release(1)();
  const [before] = (await scene.group()).partitions;
  const twin = await scene.startWorker('a', other);
  expect(twin.book.session).toBeUndefined();
  a.isBeating = false;
  await a.cut();
  await scene.pass(1_000);
  // The former process is gone, and starts nothing more.
  a.book = { ...a.book, assignments: new Map() };
  expect(await twin.connect(one)).toMatchObject({ outcome: 'joined' });
  expect(twin.mayStart(0)).toBe(true);
  expect(twin.owned(0)!.generation).toBeGreaterThan(before!.generation);
});

test('several-drops: a node whose members were all removed by another node ends each of them.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = await scene.startNode();
  const workers = [
    await scene.startWorker('a', one),
    await scene.startWorker('b', one),
    await scene.startWorker('c', one),
  ];
  await scene.pass(1_000);
  const sessions = workers.map(({ session }) => session);
  await other.node.change(name, 'expire', (group) => remove(group, sessions));
  for (const worker of workers) worker.isBeating = false;
  await scene.pass(2_000);
  expect(workers.map(({ ends }) => ends)).toEqual([['fenced'], ['fenced'], ['fenced']]);
});
