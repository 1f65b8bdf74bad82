import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign } from '../../src/groups/assign.ts';
import { type Group, newGroup } from '../../src/groups/group.ts';
import { evict, join, remove } from '../../src/groups/membership.ts';
import { letGo, noteReady, relayout, setRunning } from '../../src/groups/ownership.ts';

/** A group with checkpoints for all partitions. */
function groupOf(size: number): Group {
  const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
  const group = newGroup('id', { category: 'account', options, epoch: 'e', size, generation: 0, position: 0 });
  noteReady(group, 0, [...group.partitions.keys()]);
  return group;
}

const joining = (member: string) => ({ member, node: 'n', attempt: 1, address: undefined, session: undefined });

function joined(group: Group, ...names: string[]): Group {
  for (const name of names) join(group, { ...joining(name), newSession: name });
  return group;
}

/** Makes each owner release the partitions that must move. */
function settle(group: Group): void {
  for (const [partition, { holder, generation, next }] of group.partitions.entries()) {
    if (holder !== undefined && next !== holder) letGo(group, holder, { layout: group.layout, partition, generation });
  }
}

const heldBy = ({ partitions }: Group, session: string) => partitions.filter(({ holder }) => holder === session).length;
const nextOf = ({ partitions }: Group, session: string) => partitions.filter(({ next }) => next === session).length;
const sessionsOf = ({ members }: Group) => Object.keys(members).filter((session) => !members[session]!.isEvicted);

/** The most partitions that can keep their owner while shares differ by at most one. */
function mostThatStay(group: Group): number {
  const sessions = sessionsOf(group);
  if (sessions.length === 0) return 0;
  const least = Math.floor(group.partitions.length / sessions.length);
  const withOneMore = group.partitions.length % sessions.length;
  const loads = sessions.map((session) => heldBy(group, session));
  const above = loads.filter((load) => load > least).length;
  return loads.reduce((sum, load) => sum + Math.min(load, least), Math.min(above, withOneMore));
}

/** Changes of a group: a member joins, leaves or is evicted, or every owner releases the partitions that must move. */
const steps = fc.array(
  fc.record({ does: fc.constantFrom('join', 'join', 'go', 'evict', 'settle'), member: fc.nat({ max: 12 }) }),
  { maxLength: 40 },
);

function step(group: Group, does: string, member: string): void {
  if (does === 'join') joined(group, member);
  else if (does === 'go') remove(group, [member]);
  else if (does === 'evict') evict(group, member);
  else settle(group);
}

describe('the assignment of partitions', () => {
  test('gives members equal shares, up to a difference of one, after any joins, departures and moves', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (size, all) => {
        const group = groupOf(size);
        for (const { does, member } of all) {
          step(group, does, `w${member}`);
          const shares = sessionsOf(group).map((session) => nextOf(group, session));
          if (shares.length === 0) continue;
          expect(shares.reduce((sum, share) => sum + share)).toBe(size);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('moves no more partitions than the balance needs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (size, all) => {
        const group = groupOf(size);
        for (const { does, member } of all) {
          step(group, does, `w${member}`);
          const before = structuredClone(group);
          assign(group);
          const stay = group.partitions.filter(({ holder, next }) => holder !== undefined && holder === next).length;
          expect(stay).toBe(mostThatStay(group));
          // Nothing has changed since the previous call.
          expect(group).toEqual(before);
        }
      }),
    );
  });

  test('keeps the targets of running moves while nothing else happens', () => {
    const group = joined(groupOf(9), 'w0', 'w3', 'w1', 'w2');
    settle(group);
    evict(group, 'w0');
    joined(group, 'w4');
    // Assigns its partitions to their next owners at once.
    remove(group, ['w1']);
    const before = structuredClone(group);
    assign(group);
    expect(group).toEqual(before);
  });

  test('uses no generation twice, and lowers none', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (size, all) => {
        const group = groupOf(size);
        const owners = new Map<number, string>();
        let before = group.partitions.map(({ generation }) => generation);
        for (const { does, member } of all) {
          step(group, does, `w${member}`);
          for (const [index, { holder, generation }] of group.partitions.entries()) {
            expect(generation).toBeGreaterThanOrEqual(before[index]!);
            expect(generation).toBeLessThanOrEqual(group.generation);
            if (holder === undefined) continue;
            const owner = `${index} of ${holder}`;
            expect(owners.get(generation) ?? owner).toBe(owner);
            owners.set(generation, owner);
          }
          before = group.partitions.map(({ generation }) => generation);
        }
      }),
    );
  });

  test('takes no partition from its owner before the owner releases it', () => {
    const group = joined(groupOf(4), 'a', 'b');
    expect(group.partitions.map(({ holder, next }) => [holder, next])).toEqual([
      ['a', 'a'],
      ['a', 'a'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    settle(group);
    expect(group.partitions.map(({ holder, generation }) => [holder, generation])).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 5],
      ['b', 6],
    ]);
  });

  test('changes nothing when a member joins that gets no partition', () => {
    const group = joined(groupOf(2), 'a', 'b');
    settle(group);
    const { partitions } = structuredClone(group);
    joined(group, 'c');
    expect(group.partitions).toEqual(partitions);
  });

  test('assigns no partition before it has its checkpoint', () => {
    const group = groupOf(2);
    group.partitions[1]!.isReady = false;
    joined(group, 'a');
    expect(group.partitions).toMatchObject([
      { holder: 'a', next: 'a' },
      { holder: undefined, next: 'a' },
    ]);
  });

  test('assigns nothing while the group is stopped, and the same shares when it starts again', () => {
    const group = joined(groupOf(5), 'a', 'b');
    settle(group);
    setRunning(group, false);
    expect(group.partitions.map(({ next }) => next)).toEqual(new Array(5).fill(undefined));
    settle(group);
    expect(group.partitions.map(({ holder }) => holder)).toEqual(new Array(5).fill(undefined));
    setRunning(group, true);
    expect([heldBy(group, 'a'), heldBy(group, 'b')]).toEqual([3, 2]);
  });

  test('replaces a disconnected session by a new one with the same name, in new generations', () => {
    const group = joined(groupOf(4), 'a', 'b');
    settle(group);
    const before = structuredClone(group.partitions);
    group.members.a!.isDetached = true;
    join(group, { ...joining('a'), newSession: 'a2' });
    const fenced = before.filter(({ holder }) => holder === 'a').length;
    expect(heldBy(group, 'a2')).toBe(fenced);
    for (const [index, { holder, generation }] of group.partitions.entries()) {
      if (holder === 'b') expect(group.partitions[index]).toEqual(before[index]);
      else expect(generation).toBeGreaterThan(6);
    }
  });
});

describe('a resize', () => {
  const nexts = ({ partitions }: Group) => partitions.map(({ next }) => next);

  /** Two members, the first of which owned everything before the second joined. */
  function shared(size: number): Group {
    const group = joined(groupOf(size), 'a', 'b');
    settle(group);
    return group;
  }

  test('to a multiple leaves all streams with their members', () => {
    const group = shared(4);
    expect(nexts(group)).toEqual(['a', 'a', 'b', 'b']);
    relayout(group, 8, { from: 'previous' });
    expect(nexts(group)).toEqual(['a', 'a', 'b', 'b', 'a', 'a', 'b', 'b']);
  });

  test('to a divisor keeps a partition at a member that owned some of its streams', () => {
    const group = shared(8);
    const before = nexts(group);
    relayout(group, 2, { from: 'previous' });
    expect(nexts(group).sort()).toEqual(['a', 'b']);
    for (const [index, next] of nexts(group).entries()) {
      expect(before.filter((_member, old) => old % 2 === index)).toContain(next);
    }
  });

  test('to any size leaves the shares balanced', () => {
    for (let size = 1; size <= 17; size++) {
      const group = shared(8);
      relayout(group, size, { from: 'previous' });
      expect(Math.abs(nextOf(group, 'a') - nextOf(group, 'b'))).toBe(size % 2);
    }
  });
});
