import { expect, test } from 'vitest';
import { newGroup } from '../../src/groups/group.ts';
import { GroupNode } from '../../src/groups/group-node.ts';
import { groupTimes } from '../../src/groups/group-times.ts';
import type { GroupEvent } from '../../src/groups/member-session.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import { MemoryGroups } from '../../src/store/memory/memory-groups.ts';

const nameOf = (group: string) => ({ uid: 'uid', name: group });

/** Nodes over one store, and the calls they make there. */
class Nodes {
  nowMs = 0;
  calls: string[] = [];
  #ids = 0;
  readonly #records = new MemoryGroups();

  async create(group: string): Promise<void> {
    const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
    const given = { category: 'account', options, epoch: 'e', size: 2, generation: 0, position: 0 };
    const text = JSON.stringify(newGroup(group, given));
    const key = groupKey('uid', group);
    await this.#records.write([{ key, revision: 0, text, isQuiet: false }]);
  }

  async start(): Promise<GroupNode> {
    const store = new Proxy(this.#records, {
      get: (records, method) => {
        if (method === 'sharedBy') return 'nodes';
        const value = Reflect.get(records, method);
        return (...values: unknown[]) => {
          this.calls.push(String(method));
          return Reflect.apply(value, records, values);
        };
      },
    });
    const node = new GroupNode({
      store,
      times: groupTimes,
      now: () => this.nowMs,
      wallNow: () => this.nowMs,
      newId: () => `i${this.#ids++}`,
      observer: { moved: () => {}, handedOver: () => {}, failed: (error) => Promise.reject(error) },
      headOf: () => 0,
      toldChanged: () => {},
    });
    await node.turn();
    return node;
  }
}

/** Admits a member; resolves to its events once the resulting steps are done. */
async function join(node: GroupNode, group: string, member: string) {
  const events: GroupEvent[] = [];
  const link = { send: (event: GroupEvent) => void events.push(event), end: () => {} };
  const joining = { member, session: undefined, attempt: 1, address: undefined, epoch: 'e', link };
  const outcome = await node.join(nameOf(group), joining);
  if (outcome.outcome !== 'joined') throw new Error(outcome.outcome);
  await settled();
  return { session: outcome.session, told: () => events.map(({ event }) => event) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('A node writes once and reads once per turn, however many idle groups its members have.', async () => {
  const nodes = new Nodes();
  const node = await nodes.start();
  for (const group of ['a', 'b', 'c']) {
    await nodes.create(group);
    await join(node, group, 'one');
  }
  await node.turn();
  await settled();
  nodes.calls = [];
  nodes.nowMs += groupTimes.turnMs;
  await node.turn();
  await settled();
  expect(nodes.calls).toEqual(['write', 'changesSince']);
});

test('A node has no work for a group until a lease of its members would expire.', async () => {
  const nodes = new Nodes();
  const node = await nodes.start();
  await nodes.create('a');
  const { session } = await join(node, 'a', 'one');
  await node.turn();
  const watched = node.watchedGroup(nameOf('a'))!;
  expect(watched.quiet).toEqual({ group: watched.group, untilMs: groupTimes.leaseMs });
  nodes.nowMs += groupTimes.leaseMs;
  await node.turn();
  expect(session.isExpiring).toBe(false);
  nodes.nowMs += 1;
  await node.turn();
  expect(session.isExpiring).toBe(true);
});

/**
 * A node with a member, and a function that sends the member's next beat after this delay; it returns the number of the
 * last beat that was answered.
 */
async function beating() {
  const nodes = new Nodes();
  const node = await nodes.start();
  await nodes.create('a');
  const one = await join(node, 'a', 'one');
  await node.turn();
  let sent = 0;
  const beatAfter = (ms: number) => {
    nodes.nowMs += ms;
    node.beat(one.session.session, ++sent);
    return one.session.beat;
  };
  return { nodes, node, one, beatAfter };
}

test('A node answers the first beat of a member, and then about every second one.', async () => {
  const { nodes, node, beatAfter } = await beating();
  const answered: number[] = [];
  for (let beat = 1; beat <= 6; beat++) {
    for (const endMs = nodes.nowMs + groupTimes.beatMs; nodes.nowMs < endMs; nodes.nowMs += groupTimes.turnMs) {
      await node.turn();
    }
    answered.push(beatAfter(0));
  }
  expect(answered).toEqual([1, 1, 3, 3, 5, 5]);
});

test('A node answers the next beat after a lease that it shortened.', async () => {
  const { beatAfter } = await beating();
  // The store has not answered for so long that the node may not grant a full lease.
  expect([beatAfter(8_000), beatAfter(groupTimes.beatMs)]).toEqual([1, 2]);
});

test('A node answers every beat while a partition of the group is to move.', async () => {
  const { node, one, beatAfter } = await beating();
  await join(node, 'a', 'other');
  expect(one.told()).toContain('revoke');
  expect([1, 2, 3].map(() => beatAfter(groupTimes.beatMs))).toEqual([1, 2, 3]);
});

test('A node detects in its next turn that another one changed a group without due steps.', async () => {
  const nodes = new Nodes();
  const node = await nodes.start();
  const other = await nodes.start();
  await nodes.create('a');
  const one = await join(node, 'a', 'one');
  await node.turn();
  await join(other, 'a', 'other');
  expect(one.told()).not.toContain('revoke');
  await node.turn();
  expect(one.told()).toContain('revoke');
});

test('A node detects in its next turn that another one marked a member’s node dead.', async () => {
  const nodes = new Nodes();
  const node = await nodes.start();
  const dead = await nodes.start();
  await nodes.create('a');
  const one = await join(node, 'a', 'one');
  await join(dead, 'a', 'other');
  await node.turn();
  const revoked = [...one.session.told.values()].find(({ revokedAtMs }) => revokedAtMs !== undefined);
  await node.release(nameOf('a'), one.session.session, revoked!);
  await settled();
  await node.turn();
  expect(node.watchedGroup(nameOf('a'))!.quiet?.untilMs).toBe(groupTimes.leaseMs);
  const third = await nodes.start();
  await third.health.declareDead(dead.health.id, third.health.others.get(dead.health.id)!.revision);
  await node.turn();
  await settled();
  const { group } = node.watchedGroup(nameOf('a'))!;
  expect(Object.values(group.members).map(({ name }) => name)).toEqual(['one']);
});
