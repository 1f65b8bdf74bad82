import { describe, expect, test } from 'vitest';
import { type Group, newGroup } from '../../src/groups/group.ts';
import { clockMargin, groupTimes } from '../../src/groups/group-times.ts';
import { join } from '../../src/groups/membership.ts';
import { noteReady, relayout, setRunning } from '../../src/groups/ownership.ts';
import {
  type NodeView,
  quietUntilMs,
  reconcile,
  type SessionView,
  type ToldView,
  type View,
} from '../../src/groups/reconcile.ts';

const { leaseMs, handOverMs, nodeTtlMs } = groupTimes;
const nowMs = 1_000_000;

/** A group of two partitions with members on node `n`, or on another node if their name says so: `b@m`. */
function groupOf(...names: string[]): Group {
  const options = { onPoison: 'hold', onNewLog: 'stop', maxAttempts: 3 } as const;
  const group = newGroup('id', { category: 'account', options, epoch: 'e', size: 2, generation: 0, position: 0 });
  noteReady(group, 0, [0, 1]);
  for (const name of names) {
    const [session, node = 'n'] = name.split('@') as [string, string?];
    join(group, { member: session, node, attempt: 1, address: undefined, session: undefined, newSession: session });
  }
  return group;
}

const told = (partition: number, generation: number, rest: Partial<ToldView> = {}): ToldView => ({
  ...{ layout: 0, partition, generation, extendedAtMs: nowMs, revokedAtMs: undefined, isStopped: false },
  ...rest,
});

function session(partitions: readonly ToldView[], rest: Partial<SessionView> = {}): SessionView {
  const map = new Map(partitions.map((one) => [`${one.layout}/${one.partition}`, one]));
  return { attempt: 1, epoch: 'e', isClosed: false, isExpiring: false, extendedAtMs: nowMs, told: map, ...rest };
}

/** The view of node `n`. */
function viewOf(group: Group, sessions: Record<string, SessionView>, rest: Partial<View> = {}): View {
  return {
    ...{ node: 'n', nowMs, validMs: 10_000, group, missingSinceMs: new Map(), nodes: new Map(), times: groupTimes },
    sessions: new Map(Object.entries(sessions)),
    ...rest,
  };
}

/** The steps of node `n`. */
function stepsOf(group: Group, sessions: Record<string, SessionView>, rest: Partial<View> = {}) {
  const view = viewOf(group, sessions, rest);
  const before = structuredClone(group);
  const steps = reconcile(view);
  expect([group, reconcile(view)]).toEqual([before, steps]);
  const untilMs = Math.min(quietUntilMs(view), nowMs * 10);
  if (steps.length === 0) expect(reconcile({ ...view, nowMs: Math.max(nowMs, untilMs) })).toEqual([]);
  return steps;
}

const owning = () => session([told(0, 1), told(1, 2)]);

describe('a node', () => {
  test('has no steps while every member has its share', () => {
    expect(stepsOf(groupOf('a'), { a: owning() })).toEqual([]);
    expect(stepsOf(groupOf(), {})).toEqual([]);
  });

  test('announces a partition that a member owns and was not assigned in this generation', () => {
    expect(stepsOf(groupOf('a'), { a: session([told(0, 1)]) })).toEqual([
      { do: 'open', session: 'a', layout: 0, partition: 1, generation: 2 },
    ]);
    const group = groupOf('a');
    group.partitions[1]!.generation = 7;
    expect(stepsOf(group, { a: owning() })).toEqual([
      { do: 'forget', session: 'a', layout: 0, partition: 1, generation: 2 },
      { do: 'open', session: 'a', layout: 0, partition: 1, generation: 7 },
    ]);
  });

  test('announces nothing to a member that joined in another log than that of the group', () => {
    expect(stepsOf(groupOf('a'), { a: session([], { epoch: 'former' }) })).toEqual([]);
  });

  test('ends a connection whose session is gone, has another attempt, or is on another node', () => {
    const a = owning();
    expect(stepsOf(groupOf(), { a })).toEqual([{ do: 'drop', session: 'a', isMember: false }]);
    const drop = [{ do: 'drop', session: 'a', isMember: true }];
    const later = groupOf('a');
    later.members.a!.attempt = 2;
    expect(stepsOf(later, { a })).toEqual(drop);
    expect(stepsOf(groupOf('a@m'), { a }, { missingSinceMs: new Map([['a/1', nowMs]]) })).toEqual(drop);
  });

  test('does only that while the node may not confirm leases', () => {
    const sessions = { a: session([], { isClosed: true, extendedAtMs: 0 }), c: owning() };
    expect(stepsOf(groupOf('a', 'b@m'), sessions, { validMs: 0 })).toEqual([
      { do: 'drop', session: 'c', isMember: false },
    ]);
  });

  test('notes that a connection is gone, and announces nothing on it', () => {
    expect(stepsOf(groupOf('a'), { a: session([], { isClosed: true }) })).toEqual([
      { do: 'detach', session: 'a', attempt: 1 },
    ]);
  });

  test('expires a session one lease after the last confirmation, and does nothing else with it', () => {
    const last = (extendedAtMs: number) => ({ a: session([], { extendedAtMs }) });
    expect(stepsOf(groupOf('a'), last(nowMs - leaseMs)).map((step) => step.do)).toEqual(['open', 'open']);
    expect(stepsOf(groupOf('a'), last(nowMs - leaseMs - 1))).toEqual([{ do: 'expire', session: 'a', attempt: 1 }]);
  });

  test('reserves the share of a member that has left for the requested time', () => {
    const group = groupOf('a');
    Object.assign(group.members.a!, { isDetached: true, keepMs: 40_000 });
    const last = (extendedAtMs: number) => ({ a: session([], { isClosed: true, extendedAtMs }) });
    expect(stepsOf(group, last(nowMs - 40_000))).toEqual([]);
    expect(stepsOf(group, last(nowMs - 40_001))).toEqual([{ do: 'expire', session: 'a', attempt: 1 }]);
  });

  test('ends a member that was evicted', () => {
    const group = groupOf('a');
    group.members.a!.isEvicted = true;
    expect(stepsOf(group, { a: owning() })).toEqual([{ do: 'end-evicted', session: 'a' }]);
  });
});

describe('a group in which nothing is due', () => {
  const until = (...[group, sessions, rest]: Parameters<typeof viewOf>) => quietUntilMs(viewOf(group, sessions, rest));
  const soon = Number.NEGATIVE_INFINITY;

  test('stays so until the first lease of its members on this node may expire', () => {
    expect(until(groupOf(), {})).toBe(Number.POSITIVE_INFINITY);
    const [a, b] = [session([told(0, 1)]), session([told(1, 2)], { extendedAtMs: nowMs - 2_000 })];
    expect(until(groupOf('a', 'b'), { a, b })).toBe(nowMs - 2_000 + leaseMs);
    const kept = groupOf('a');
    kept.members.a!.keepMs = 1_000;
    expect(until(kept, { a })).toBe(nowMs + 1_000);
  });

  test('stays so until the record of another member’s node may be too old', () => {
    const seen = (view: NodeView) => ({ nodes: new Map([['m', view]]) });
    const group = groupOf('a@m');
    expect(until(group, {}, seen({ isDead: false, revision: 3, unchangedSinceMs: nowMs - 1_000 }))).toBe(
      nowMs - 1_000 + nodeTtlMs,
    );
    expect(until(group, {}, seen({ isDead: true, revision: 3, unchangedSinceMs: nowMs }))).toBe(soon);
    expect(until(group, {})).toBe(soon);
  });

  test('is reconciled while a connection is gone or missing, a partition moves, a layout changes, or no lease may be confirmed', () => {
    const group = groupOf('a');
    expect(until(group, { a: owning() })).toBe(nowMs + leaseMs);
    expect(until(group, {})).toBe(soon);
    expect(until(group, { a: session([], { isClosed: true }) })).toBe(soon);
    expect(until(group, { a: session([], { isExpiring: true }) })).toBe(soon);
    expect(until(group, { a: session([told(0, 1, { revokedAtMs: nowMs })]) })).toBe(soon);
    expect(until(group, { a: owning() }, { validMs: 0 })).toBe(soon);
    relayout(group, 4, { from: 'previous' });
    expect(until(group, { a: owning() })).toBe(soon);
  });
});

describe('a partition that is to move', () => {
  const moving = (rest: Partial<ToldView>) => ({ a: session([told(0, 1), told(1, 2, rest)]), b: session([]) });
  const step = (what: string) => [{ do: what, session: 'a', layout: 0, partition: 1, generation: 2 }];
  const group = groupOf('a', 'b');

  test('is revoked once', () => {
    expect(stepsOf(group, moving({}))).toEqual(step('revoke'));
    expect(stepsOf(group, moving({ revokedAtMs: nowMs - handOverMs }))).toEqual([]);
  });

  test('is excluded from leases after the hand-over time, and reassigned one lease later', () => {
    const revokedAtMs = nowMs - handOverMs - 1;
    expect(stepsOf(group, moving({ revokedAtMs }))).toEqual(step('stop'));
    const isStopped = true;
    expect(stepsOf(group, moving({ revokedAtMs, isStopped, extendedAtMs: nowMs - leaseMs }))).toEqual(step('stop'));
    expect(stepsOf(group, moving({ revokedAtMs, isStopped, extendedAtMs: nowMs - leaseMs - 1 }))).toEqual(
      step('force'),
    );
    expect(stepsOf(group, moving({ revokedAtMs, extendedAtMs: nowMs - leaseMs - 1 }))).toEqual(step('stop'));
  });

  test('stays revoked if it keeps its owner after all', () => {
    const alone = groupOf('a');
    expect(stepsOf(alone, { a: session([told(0, 1), told(1, 2, { revokedAtMs: nowMs - handOverMs - 1 })]) })).toEqual(
      step('stop'),
    );
  });

  test('is left to the node of its owner', () => {
    const nodes = new Map<string, NodeView>([['m', { isDead: false, revision: 3, unchangedSinceMs: nowMs }]]);
    expect(stepsOf(groupOf('a@m', 'b'), { b: session([]) }, { nodes })).toEqual([]);
  });

  test('is revoked when the group stops, too', () => {
    const stopped = groupOf('a');
    setRunning(stopped, false);
    expect(stepsOf(stopped, { a: owning() }).map((each) => each.do)).toEqual(['revoke', 'revoke']);
  });
});

describe('members of other nodes', () => {
  const group = groupOf('a@m', 'b@m');
  const seen = (view: NodeView) => ({ nodes: new Map([['m', view]]) });

  test('are not changed while their node lives', () => {
    expect(stepsOf(group, {}, seen({ isDead: false, revision: 3, unchangedSinceMs: nowMs - nodeTtlMs }))).toEqual([]);
  });

  test('are removed only once their node is marked dead, by its unchanged record', () => {
    expect(stepsOf(group, {}, seen({ isDead: false, revision: 3, unchangedSinceMs: nowMs - nodeTtlMs - 1 }))).toEqual([
      { do: 'declare-dead', node: 'm', revision: 3 },
    ]);
    expect(stepsOf(group, {}, seen({ isDead: true, revision: 4, unchangedSinceMs: nowMs }))).toEqual([
      { do: 'remove-dead', node: 'm' },
    ]);
  });

  test('are removed some time after they were first missed if their node is unknown, by attempt', () => {
    const since = (key: string, at: number) => ({ missingSinceMs: new Map([[key, at]]) });
    const one = groupOf('a@m');
    const note = [{ do: 'note-missing', session: 'a', attempt: 1 }];
    expect(stepsOf(one, {})).toEqual(note);
    expect(stepsOf(one, {}, since('a/0', 0))).toEqual(note);
    expect(stepsOf(one, {}, since('a/1', nowMs - nodeTtlMs))).toEqual([]);
    expect(stepsOf(one, {}, since('a/1', nowMs - nodeTtlMs - 1))).toEqual([
      { do: 'remove-missing', session: 'a', attempt: 1, node: 'm' },
    ]);
    // This node knows that the last lease has ended.
    expect(stepsOf(groupOf('a'), {}, since('a/1', nowMs - leaseMs - 1))).toEqual([
      { do: 'remove-missing', session: 'a', attempt: 1, node: 'n' },
    ]);
  });
});

describe('a resize', () => {
  function resized(size: number): Group {
    const group = groupOf('a');
    relayout(group, size, { from: 'previous' });
    return group;
  }

  test('revokes owned partitions, seals unowned ones, and creates those with only sealed predecessors', () => {
    const group = resized(4);
    group.previous!.partitions[1]!.holder = undefined;
    expect(stepsOf(group, { a: owning() })).toEqual([
      { do: 'forget', session: 'a', layout: 0, partition: 1, generation: 2 },
      { do: 'revoke', session: 'a', layout: 0, partition: 0, generation: 1 },
      { do: 'seal', layout: 0, partitions: [1] },
    ]);
    group.previous!.partitions[1]!.isSealed = true;
    expect(stepsOf(group, { a: owning() }).at(-1)).toEqual({ do: 'make-ready', layout: 1, partitions: [1, 3] });
  });

  test('seals partitions that were not released once no lease covers them', () => {
    const late = { revokedAtMs: nowMs - handOverMs - 1, isStopped: true };
    const sealed = (extendedAtMs: number) =>
      stepsOf(resized(4), { a: session([told(0, 1, { ...late, extendedAtMs }), told(1, 2, { revokedAtMs: nowMs })]) });
    expect(sealed(nowMs - leaseMs).map((step) => step.do)).toEqual(['stop']);
    expect(sealed(nowMs - leaseMs - 1)).toEqual([{ do: 'seal', layout: 0, partitions: [0] }]);
  });

  test('waits for the whole lease of an owner that this node has sent nothing', () => {
    expect(stepsOf(resized(2), { a: session([]) }).map((step) => step.do)).toEqual(['revoke', 'revoke']);
  });
});

test('A lease expires before a node is considered dead, and survives two lost beats.', () => {
  expect(nodeTtlMs).toBeGreaterThan(leaseMs);
  const { beatMs, renewMs } = groupTimes;
  expect(beatMs * 3).toBeLessThan(leaseMs);
  // The first beat after `renewMs`, which must be answered, and two more in case it is lost.
  expect(Math.ceil(renewMs / beatMs) * beatMs + 2 * beatMs).toBeLessThan(leaseMs * clockMargin);
});
