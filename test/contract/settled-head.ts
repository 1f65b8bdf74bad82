import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Log } from '../../src/store/log.ts';
import { everything } from '../support/fake-messages.ts';
import type { OpenedStore } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf, textOf } from './whole-log.ts';

const writers = 16;
const appendsEach = 12;

/** Pokes of the log from its start up to a head. */
async function upToHead(log: Log, head: number): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < head; ) {
    const page = await log.pokes(everything, at, 100);
    found.push(...page.pokes.filter(({ globalPosition }) => globalPosition <= head).map(textOf));
    page.release();
    at = page.upTo;
  }
  return found;
}

/** Repeatedly reads heads and everything up to them, until the writers have finished. */
async function watchHeads(log: Log, writing: Promise<unknown>): Promise<Map<number, string[]>> {
  const seen = new Map<number, string[]>();
  let isWriting = true;
  void writing.finally(() => {
    isWriting = false;
  });
  let before = 0;
  while (isWriting) {
    const { head } = await log.bounds();
    expect(head).toBeGreaterThanOrEqual(before);
    if (!seen.has(head)) seen.set(head, await upToHead(log, head));
    before = head;
    // A store in memory answers without yielding, and the writers need a turn.
    await nextTurn();
  }
  return seen;
}

async function write(handles: readonly OpenedStore[]): Promise<void> {
  await Promise.all(
    Array.from({ length: writers }, async (_value, writer) => {
      for (let count = 0; count < appendsEach; count++) {
        await handles[writer % handles.length]!.append(
          `${writer % 3 === 0 ? 'a' : 'b'}-${writer % 5}`,
          1 + (count % 3),
        );
        // Lets the reader see an intermediate head, however the store batches appends.
        await handles[writer % handles.length]!.log.bounds();
        await nextTurn();
      }
    }),
  );
}

async function expectSettled(seen: ReadonlyMap<number, string[]>, log: OpenedStore): Promise<void> {
  const all = placesOf(await log.messages());
  const globalOf = (place: string) => Number(place.slice(place.lastIndexOf('@') + 1));
  for (const [head, found] of seen) expect(found).toEqual(all.filter((place) => globalOf(place) <= head));
  expect(seen.size).toBeGreaterThan(1);
}

export function describeSettledHead({ open, describe }: Suite): void {
  describe('the head', [], () => {
    test('is settled: nothing appears later at or below a head that was read, with any number of writers', async () => {
      await using opened = await open();
      const writing = write([opened]);
      const seen = await watchHeads(opened.log, writing);
      await writing;
      await expectSettled(seen, opened);
    });
  });

  describe('the head of two handles', ['a second handle'], () => {
    test('is settled on each of them, whichever of them writes', async () => {
      await using opened = await open();
      const second = await opened.second();
      const writing = write([opened, second]);
      const both = await Promise.all([watchHeads(opened.log, writing), watchHeads(second.log, writing)]);
      await writing;
      for (const seen of both) await expectSettled(seen, opened);
    });
  });
}
