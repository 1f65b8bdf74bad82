import { expect, test, vi } from 'vitest';
import { newGroup } from '../../src/groups/group.ts';
import { GroupNode } from '../../src/groups/group-node.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import type { GroupEvent } from '../../src/groups/member-session.ts';
import { passForgotten } from '../../src/groups/pass-forgotten.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import type { Log } from '../../src/store/log.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';

const name = { uid: 'uid', name: 'billing' };

/** A node with a member that owns the only partition of a group, and a log from which retention deleted messages up to a position. */
async function startMember() {
  const store = new MemoryGroups();
  const node = new GroupNode({
    store,
    times: groupTimes,
    now: () => 0,
    wallNow: () => 0,
    newId: () => 'id',
    observer: { moved: () => {}, handedOver: () => {}, failed: () => {} },
    headOf: () => 0,
    toldChanged: () => {},
  });
  const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
  const given = { category: 'account', options, epoch: 'log', size: 1, generation: 0, position: 0 };
  const group = newGroup('id', given);
  await store.write([{ key: groupKey(name.uid, name.name), revision: 0, text: JSON.stringify(group), isQuiet: false }]);
  const events: GroupEvent[] = [];
  const link = { send: (event: GroupEvent) => void events.push(event), end: () => {} };
  await node.join(name, { member: 'one', session: undefined, attempt: 1, address: undefined, epoch: 'log', link });
  await expect.poll(() => events.at(-1)).toMatchObject({ event: 'assigned', data: { position: 0 } });
  const pass = (upTo: number) => {
    const log = { id: 'log', bounds: async () => ({ forgottenUpTo: upTo }) } as unknown as Log;
    return passForgotten(node, node.watchedGroup(name)!, log, upTo);
  };
  const told = () => events.filter(({ event }) => event === 'forgotten').map(({ data }) => data);
  return { store, pass, told };
}

test('A member is notified once of each range of its partition that retention deleted.', async () => {
  const { pass, told } = await startMember();
  expect(await pass(5)).toEqual([{ partition: 0, lost: { from: 1, to: 5 } }]);
  expect(await pass(5)).toEqual([]);
  await pass(7);
  expect(told()).toMatchObject([{ lost: { from: 1, to: 5 } }, { lost: { from: 6, to: 7 } }]);
});

test('A member is notified of a deleted range even if the answer to the change of its checkpoint was lost.', async () => {
  const { store, pass, told } = await startMember();
  const write = store.write.bind(store);
  vi.spyOn(store, 'write').mockImplementationOnce(async (changes) => {
    await write(changes);
    throw new Error('no answer');
  });
  await expect(pass(5)).rejects.toThrow('no answer');
  expect(told()).toEqual([]);
  expect(await pass(5)).toEqual([{ partition: 0, lost: { from: 1, to: 5 } }]);
  expect(told()).toMatchObject([{ partition: 0, generation: 1, lost: { from: 1, to: 5 } }]);
});
