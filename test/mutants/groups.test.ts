import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { copyWith, type Mutation, testMutant } from './mutant.ts';

const steps = 'src/groups/group-steps.ts';
const book = 'src/client/groups/deadline-book.ts';
const ownership = 'src/groups/ownership.ts';
const record = 'src/groups/partition-record.ts';
const copied = ['package.json', 'src', 'test/support', 'test/groups', 'test/mutants/run-schedules.ts'];

/** `firstSeed`: a schedule that needs it, if earlier ones take long without finding anything; otherwise 1. */
type FoundBySchedules = Mutation & { readonly title: string; readonly firstSeed?: number };

/** Rules of consumer groups whose violation random schedules find, each disabled by one textual change. */
const foundBySchedules: readonly FoundBySchedules[] = [
  {
    title: 'confirms leases while it expires a session',
    file: steps,
    from: `      session.isExpiring = true;
      session.end('fenced');
      return changed(node, watched, 'expire', (group) => {
        return isHere(node, group, step.session, step.attempt) && remove(group, [step.session]);
      });
`,
    to: `      return changed(node, watched, 'expire', (group) => {
        return isHere(node, group, step.session, step.attempt) && remove(group, [step.session]);
      }).finally(() => session.end('fenced'));
`,
  },
  {
    title: 'takes on what it has released in the same generation',
    firstSeed: 57,
    file: book,
    from: "  if ((book.released.get(key) ?? never) >= generation) return { book, action: 'release' };\n",
    to: '',
  },
  {
    title: 'takes acknowledgements of any generation',
    file: record,
    from: '  if (!isOf(record, generation)) return undefined;\n  if (position <= record.checkpoint) return record;\n',
    to: '  if (record.isSealed) return undefined;\n  if (position <= record.checkpoint) return record;\n',
  },
  {
    title: 'counts a lease from its last beat, not from the one that is answered',
    file: book,
    from: 'const deadlineMs = sentAtMs + leaseMargin * leaseMs;',
    to: 'const deadlineMs = Math.max(...book.sentAtMs.values()) + leaseMargin * leaseMs;',
  },
  {
    title: 'takes over from a silent node that it did not mark dead',
    firstSeed: 74,
    file: steps,
    from: `      return node.health
        .declareDead(step.node, step.revision)
        .then((isDead) => isDead && removeNode(node, watched, step.node));
`,
    to: '      return removeNode(node, watched, step.node);\n',
  },
  {
    title: 'forces a move without waiting for the lease',
    file: 'src/groups/reconcile.ts',
    from: "do: isLeaseOver(view, told) ? 'force' : 'stop'",
    to: "do: 'force'",
  },
  {
    title: 'begins a new layout at the highest checkpoint of the former one',
    file: record,
    from: 'const checkpoint = Math.min(',
    to: 'const checkpoint = Math.max(',
  },
  {
    title: 'passes by one message more than retention has taken',
    file: record,
    from: 'return { ...record, checkpoint: upTo, floors, forgotten:',
    to: 'return { ...record, checkpoint: upTo + 1, floors, forgotten:',
  },
  {
    title: 'moves a held stream on although its message is still there',
    file: 'src/groups/pass-erased.ts',
    from: 'const next = messages[0]?.position ?? held.position + 1;',
    to: 'const next = held.position + messages.length;',
  },
  {
    title: 'resets all partitions where some are named',
    file: steps,
    from: "origin.from === 'reset' && (origin.partitions?.includes(partition) ?? true);",
    to: "origin.from === 'reset';",
  },
  {
    title: 'keeps checkpoints of a log that was replaced in partitions that a reset does not name',
    file: ownership,
    from: 'partitions: isOther ? undefined : partitions };',
    to: 'partitions };',
  },
  {
    title: 'tells members of a log the head of the one that was replaced',
    file: 'src/groups/group-node.ts',
    from: 'headOf(own.session.epoch)',
    to: 'headOf(own.watched.group.epoch)',
  },
  {
    title: 'gives no credit back for an acknowledgement',
    file: 'src/groups/poke-credit.ts',
    from: '    if (checkpoint !== this.#checkpoint) this.#unacknowledged = 0;\n',
    to: '',
  },
  {
    title: 'gives a released partition back in the same generation',
    firstSeed: 146,
    file: ownership,
    from: '    if (owned.next !== undefined) owned.generation = ++group.generation;\n    return true;',
    to: '    if (owned.next !== undefined && owned.next !== session) owned.generation = ++group.generation;\n    return true;',
  },
];

/** Rules whose violation schedules find rarely or never; scenarios and unit tests check them. */
const foundByTests: readonly (Mutation & { readonly title: string })[] = [
  {
    title: 'extends what it was assigned before by a reconnect',
    file: book,
    from: '  return { ...known, session, connection: book.attempt, deadlineMs };\n',
    to: `  const assignments = new Map(known.assignments);
  for (const [key, assignment] of assignments) assignments.set(key, { ...assignment, deadlineMs });
  return { ...known, assignments, session, connection: book.attempt, deadlineMs };
`,
  },
  {
    title: 'extends by a lease what another connection assigned',
    file: book,
    from: 'if (assignment.connection === book.connection && ',
    to: 'if (',
  },
  {
    title: 'takes an attempt to connect behind a later one',
    file: 'src/groups/membership.ts',
    from: "    if (known.attempt >= attempt) return { outcome: 'old-attempt' };\n",
    to: '',
  },
  {
    title: 'removes a session whichever connection has expired',
    file: steps,
    from: 'return isHere(node, group, step.session, step.attempt) && remove(group, [step.session]);',
    to: 'return remove(group, [step.session]);',
  },
  {
    title: 'forces a move in whichever generation',
    file: steps,
    from: `          isHeldBy(group, step.session, step) &&
          letGo(group, step.session, step)
`,
    to: `          letGo(group, step.session, { ...step, generation: group.partitions[step.partition]!.generation })
`,
  },
  {
    title: 'takes a revoke back when the partition is to stay',
    file: ownership,
    from: 'if (owned?.holder !== session || owned.generation !== generation) return false;',
    to: 'if (owned?.holder !== session || owned.generation !== generation || owned.next === session) return false;',
  },
  {
    title: 'covers by a lease what is to be forced away',
    file: 'src/groups/member-session.ts',
    from: '      if (told.isStopped) except.push(told.partition);\n      else told.extendedAtMs = nowMs;',
    to: '      told.extendedAtMs = nowMs;',
  },
  {
    title: 'takes on a partition while it leaves',
    file: book,
    from: "  if (book.isLeaving) return { book, action: 'ignore' };\n",
    to: '',
  },
  {
    title: 'acknowledges what it has read and not handled',
    file: 'src/client/groups/progress.ts',
    from: 'return first === undefined ? this.readUpTo : Math.max(this.acked, first.message.globalPosition - 1);',
    to: 'return first === undefined ? this.readUpTo : this.readUpTo;',
  },
  {
    title: 'sends pokes whether they are acknowledged or not',
    file: 'src/groups/poke-credit.ts',
    from: '    if (this.isUsedUp) return false;\n',
    to: '',
  },
  {
    title: 'assigns partitions of its log to a member that reads another one',
    file: 'src/groups/reconcile.ts',
    from: '!isClosed && epoch === group.epoch',
    to: '!isClosed',
  },
  {
    title: 'moves partitions that need not move',
    file: 'src/groups/assign.ts',
    from: 'session !== undefined && shares.take(session) ? session : undefined',
    to: 'session !== undefined && !(session in group.members) ? session : undefined',
  },
];

const tests = [
  ...['scenarios.test.ts', 'scene.ts'].map((file) => `test/groups/${file}`),
  ...['assign', 'deadline-book', 'feeds', 'parts', 'reconcile'].map((name) => `test/unit/group-${name}.test.ts`),
];

/** Why the first failing schedule fails, on a copy of the code with this change. */
async function failuresOf({ firstSeed = 1, ...mutation }: FoundBySchedules): Promise<string[]> {
  using copy = await copyWith(mutation, copied);
  const program = copy.file('test/mutants/run-schedules.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(firstSeed)]);
  return JSON.parse(stdout);
}

/** Generous, because the number of schedules ends a run; a busy machine takes minutes for it. */
const longMs = 600_000;

test.each(foundBySchedules)(
  'A group that $title is caught by random schedules.',
  { timeout: longMs },
  async (mutation) => {
    expect(await failuresOf(mutation)).not.toEqual([]);
  },
);

const timeout = 300_000;

test('The unchanged copy of the code of groups passes', { timeout }, async () => {
  expect(await testMutant(undefined, tests)).toEqual([]);
});

test.each(foundByTests)(
  'A group that $title is caught by a scenario or a unit test.',
  { timeout },
  async (mutation) => {
    expect(await testMutant(mutation, tests)).not.toEqual([]);
  },
);
