import { expect, test } from 'vitest';
import { groupTimes } from '../../src/groups/group-times.ts';
import { Scene } from './scene.ts';

const { leaseMs, handOverMs } = groupTimes;

test('A hand-over is timed from the join that takes the partition until the new owner is notified; a first assignment does not count.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = await scene.startNode();
  const a = await scene.startWorker('a', one);
  await scene.pass(1_000);
  expect(scene.handedOverMs).toEqual([]);
  const b = await scene.startWorker('b', other);
  await scene.pass(4_000);
  expect(scene.handedOverMs).toEqual([]);
  await a.release(1)();
  await scene.pass(1_000);
  expect(b.told('assigned')).toHaveLength(1);
  expect(scene.handedOverMs).toEqual([5_000]);
});

test('The share of a leaving member is handed over at once, and a reconnecting worker is handed nothing.', async () => {
  const scene = await Scene.begin();
  const node = await scene.startNode();
  const a = await scene.startWorker('a', node);
  const b = await scene.startWorker('b', node);
  await a.release(1)();
  scene.handedOverMs.length = 0;
  await b.cut();
  await b.connect(node);
  expect(b.told('assigned')).toHaveLength(2);
  expect(scene.handedOverMs).toEqual([]);
  // Member `a` drops its other partition, and reports that only by leaving.
  a.release(0);
  await a.leave();
  expect(b.told('assigned').map(({ partition }) => partition)).toEqual([1, 1, 0]);
  expect(scene.handedOverMs).toEqual([0]);
});

test('A cancelled hand-over does not count, and the partition of a silent worker is handed over once its lease has expired.', async () => {
  const scene = await Scene.begin();
  const one = await scene.startNode();
  const other = await scene.startNode();
  const a = await scene.startWorker('a', one);
  const b = await scene.startWorker('b', other);
  await scene.pass(2_000);
  await b.leave();
  await scene.pass(1_000);
  expect(scene.handedOverMs).toEqual([]);
  // Nothing renews the first worker's lease any more, so its share is reassigned when the lease expires.
  a.isBeating = false;
  await scene.startWorker('c', other);
  await scene.pass(2 * (handOverMs + leaseMs));
  expect(scene.handedOverMs).toHaveLength(2);
});
