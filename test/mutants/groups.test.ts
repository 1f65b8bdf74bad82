import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { copyWith, type Mutation } from './mutant.ts';

const steps = 'src/groups/group-steps.ts';
const book = 'src/client/groups/deadline-book.ts';
const record = 'src/groups/partition-record.ts';
const copied = ['package.json', 'src', 'test/support', 'test/groups', 'test/mutants/run-schedules.ts'];

/** Rules of consumer groups that random schedules find broken, each taken out by one change of the text. */
const foundBySchedules: readonly (Mutation & { readonly title: string })[] = [
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
    title: 'gives a released partition back in the same generation',
    file: 'src/groups/ownership.ts',
    from: '    if (owned.next !== undefined) owned.generation = ++group.generation;\n    return true;',
    to: '    if (owned.next !== undefined && owned.next !== session) owned.generation = ++group.generation;\n    return true;',
  },
];

/** Why the first schedule fails that does, on a copy of the code with this change. */
async function failuresOf(mutation: Mutation): Promise<string[]> {
  using copy = await copyWith(mutation, copied);
  const { stdout } = await promisify(execFile)(process.execPath, [copy.file('test/mutants/run-schedules.ts')]);
  return JSON.parse(stdout);
}

test.each(foundBySchedules)('A group that $title is caught by random schedules.', async (mutation) => {
  expect(await failuresOf(mutation)).not.toEqual([]);
});
