import { expect, test } from 'vitest';
import { GroupNode } from '../../src/groups/group-node.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import type { GroupStore } from '../../src/store/group-store.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';

/** A node whose first query for changes is answered only when `answer` is called. */
function slowNode() {
  const records = new MemoryGroups();
  const answered = Promise.withResolvers<void>();
  const counts = { asked: 0 };
  const store: GroupStore = {
    sharedBy: 'nodes',
    read: (keys) => records.read(keys),
    write: (changes) => records.write(changes),
    list: (prefix, after, limit) => records.list(prefix, after, limit),
    follow: () => () => {},
    changesSince: async (revision) => {
      counts.asked++;
      const changes = await records.changesSince(revision);
      if (counts.asked === 1) await answered.promise;
      return changes;
    },
  };
  const node = new GroupNode({
    store,
    times: groupTimes,
    now: () => 0,
    wallNow: () => 0,
    newId: () => 'node',
    observer: {
      moved: () => {},
      handedOver: () => {},
      failed: (error) => {
        throw error;
      },
    },
    headOf: () => 0,
    toldChanged: () => {},
  });
  return { node, counts, answer: () => answered.resolve() };
}

test('A change hinted at during a turn is looked up in another turn after it.', async () => {
  const { node, counts, answer } = slowNode();
  const turn = node.turn();
  node.hint();
  node.hint();
  await node.turn();
  answer();
  await turn;
  expect(counts.asked).toBe(2);
});

test('A turn that is due during another one is skipped.', async () => {
  const { node, counts, answer } = slowNode();
  const turn = node.turn();
  await node.turn();
  answer();
  await turn;
  expect(counts.asked).toBe(1);
});
