import { expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { FormerHeads } from '../../src/store/memory/former-heads.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { newNamespace } from '../contract/opened-store.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';

/** Takes one id after another; returns the heads. */
function headsOf(formerHeads: FormerHeads, ids: readonly string[]): number[] {
  return ids.map((id) => {
    const head = formerHeads.take(id);
    formerHeads.keep(id, head);
    return head;
  });
}

test('Heads of more removed namespaces than are remembered individually are merged into one at or above them all.', () => {
  const formerHeads = new FormerHeads(2);
  formerHeads.keep('a', 5);
  formerHeads.keep('b', 9);
  expect(formerHeads.take('new')).toBe(0);
  formerHeads.keep('c', 3);
  expect(headsOf(formerHeads, ['a', 'b', 'new'])).toEqual([5, 9, 5]);
  formerHeads.keep('d', 20);
  formerHeads.keep('e', 30);
  expect(headsOf(formerHeads, ['a', 'c', 'd', 'e', 'new'])).toEqual([9, 9, 20, 30, 9]);
});

test('The remembered head of a removed namespace is at or above its highest position, whatever was removed since.', () => {
  const formerHeads = new FormerHeads(3);
  const reached = new Map<string, number>();
  for (let round = 1; round <= 40; round++) {
    const id = `ns-${(round * 7) % 11}`;
    const head = formerHeads.take(id) + (round % 4);
    formerHeads.keep(id, head);
    reached.set(id, Math.max(head, reached.get(id) ?? 0));
  }
  for (const [id, head] of reached) expect(formerHeads.take(id)).toBeGreaterThanOrEqual(head);
});

test('A head of 0 takes no entry.', () => {
  const formerHeads = new FormerHeads(1);
  formerHeads.keep('a', 4);
  for (let n = 0; n < 10; n++) formerHeads.keep(`empty-${n}`, 0);
  expect(headsOf(formerHeads, ['a', 'new'])).toEqual([4, 0]);
});

test('An id that was reused many times never had a log or a global position twice.', async () => {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  const logs = new Set<LogId>();
  let last = 0;
  for (let time = 0; time < 200; time++) {
    const namespace = await createNamespace(store.namespaces, newNamespace('a'));
    logs.add(namespace.log);
    const log = store.log(namespace.log);
    expect((await log.bounds()).forgottenUpTo).toBe(last === 0 ? 0 : last + 1);
    if (time % 3 === 0) await log.append('a-1', newMessages(2), undefined);
    last = (await log.bounds()).head;
    await store.namespaces.remove(namespace);
  }
  expect(logs.size).toBe(200);
});
