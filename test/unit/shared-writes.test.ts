import { expect, test } from 'vitest';
import type { GroupChange } from '../../src/store/group-store.ts';
import { SharedWrites } from '../../src/store/postgres/shared-writes.ts';

const change = (key: string, revision = 1): GroupChange => ({ key, revision, text: '{}', isQuiet: true });

/** Writes whose statements are answered by the test, one after another. */
function startWrites() {
  const statements: { keys: string[]; answer: () => void; fail: () => void }[] = [];
  const writes = new SharedWrites((changes) => {
    const { promise, resolve, reject } = Promise.withResolvers<(number | undefined)[]>();
    statements.push({
      keys: changes.map(({ key }) => key),
      answer: () => resolve(changes.map(({ revision }) => (revision === 0 ? undefined : revision + 1))),
      fail: () => reject(new Error('no answer')),
    });
    return promise;
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { writes, statements, turn };
}

test('Concurrent writes share a statement, and each gets the results of its own changes.', async () => {
  const { writes, statements, turn } = startWrites();
  const one = writes.add([change('a', 5)]);
  const other = writes.add([change('b', 0), change('c', 7)]);
  await turn();
  expect(statements.map(({ keys }) => keys)).toEqual([['a', 'b', 'c']]);
  statements[0]!.answer();
  expect(await one).toEqual([6]);
  expect(await other).toEqual([undefined, 8]);
});

test('Writes made while two statements run are collected for the next one.', async () => {
  const { writes, statements, turn } = startWrites();
  const all: Promise<unknown>[] = [];
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    all.push(writes.add([change(key)]));
    await turn();
  }
  expect(statements.map(({ keys }) => keys)).toEqual([['a'], ['b']]);
  statements[0]!.answer();
  await turn();
  expect(statements.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
  for (const { answer } of statements) answer();
  await Promise.all(all);
});

test('Two writes of one key, and more changes than a statement holds, go into different statements.', async () => {
  const { writes, statements, turn } = startWrites();
  const many = (from: string) => Array.from({ length: 600 }, (_value, n) => change(`${from}${n}`));
  const all = [writes.add([change('a')]), writes.add([change('a', 2)]), writes.add(many('x')), writes.add(many('y'))];
  await turn();
  expect(statements.map(({ keys }) => keys.length)).toEqual([601, 601]);
  for (const { answer } of statements) answer();
  await Promise.all(all);
});

test('A failed statement rejects its own writes, and no others.', async () => {
  const { writes, statements, turn } = startWrites();
  const one = writes.add([change('a')]);
  await turn();
  const other = writes.add([change('b')]);
  await turn();
  statements[0]!.fail();
  statements[1]!.answer();
  await expect(one).rejects.toThrow('no answer');
  expect(await other).toEqual([2]);
});
