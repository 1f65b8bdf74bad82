import { describe, expect, test } from 'vitest';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { MessageStore } from '../../src/store/message-store.ts';
import { everything, newMessages, selectionOf } from '../support/fake-messages.ts';
import { messageAt } from '../support/imported-messages.ts';
import { namespace, type Open, textOf } from './message-store.ts';

const ofA = selectionOf({ categories: ['a'] });

async function replaceBy(store: MessageStore, positions: readonly number[]): Promise<void> {
  const session = await store.beginImport(namespace, { replace: true });
  const messages = positions.map((globalPosition, position) => messageAt(`a-1/${position}@${globalPosition}`));
  expect(await session.add(messages)).toEqual({ outcome: 'imported' });
  expect(await session.commit()).toEqual({ outcome: 'committed' });
}

export function describeExtents(open: Open): void {
  describe('the extent of a log', () => {
    test('of which nothing is known is empty, and has an epoch already', async () => {
      await using opened = await open();
      const before = await opened.store.extent(namespace);
      expect(before).toEqual({ epoch: expect.stringMatching(/^[\w-]{1,64}$/), head: 0, forgottenUpTo: 0 });
      await opened.append('a-1', 3);
      expect(await opened.store.extent(namespace)).toEqual({ ...before, head: 3 });
    });

    test('has another epoch for each namespace and each store', async () => {
      await using one = await open();
      await using other = await open();
      const epochs = await Promise.all(
        [one.store.extent('a'), one.store.extent('b'), other.store.extent('a'), other.store.extent('b')].map(
          async (extent) => (await extent).epoch,
        ),
      );
      expect(new Set(epochs).size).toBe(4);
    });

    test('is told with each page of pokes', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const { epoch } = await opened.store.extent(namespace);
      for (const name of [namespace, 'none']) {
        const page = await opened.store.readPokes(name, everything, 0, 10);
        page.release();
        expect(page.epoch === epoch).toBe(name === namespace);
      }
    });

    test('keeps its epoch through an import, and gets another one by a replacement', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const { epoch } = await opened.store.extent(namespace);
      const session = await opened.store.beginImport(namespace, { replace: false });
      await session.add([messageAt('b-1/0@7')]);
      await session.commit();
      const imported = await opened.store.extent(namespace);
      await replaceBy(opened.store, [1]);
      const replaced = await opened.store.extent(namespace);
      expect([imported, replaced.head, replaced.epoch === epoch]).toEqual([
        { epoch, head: 7, forgottenUpTo: 0 },
        7,
        false,
      ]);
    });
  });

  describe('a namespace that begins behind a global position', () => {
    test('has its first message behind it, and says that what lies before is forgotten', async () => {
      await using opened = await open();
      await opened.store.begin(namespace, 5);
      const before = await opened.store.extent(namespace);
      await opened.append('a-1', 2);
      expect([before.head, before.forgottenUpTo, (await opened.store.extent(namespace)).forgottenUpTo]).toEqual([
        5, 5, 5,
      ]);
      expect(await opened.pokes(everything)).toEqual(['a-1/0@6', 'a-1/1@7']);
    });

    test('still does after its log was replaced', async () => {
      await using opened = await open();
      await opened.store.begin(namespace, 5);
      await replaceBy(opened.store, [1, 2]);
      expect(await opened.store.extent(namespace)).toMatchObject({ head: 5, forgottenUpTo: 5 });
    });
  });

  describe('the last message of a selection', () => {
    const group = (member: number, size: number) => selectionOf({ categories: ['a'], group: { member, size } });

    test.each<[string, Selection, number]>([
      ['everything', everything, 6],
      ['a stream', selectionOf({ streams: ['a-1'] }), 4],
      ['a stream from a position that it has', selectionOf({ streams: ['a-1'], fromPosition: 2 }), 4],
      ['a stream from a position that it has not come to', selectionOf({ streams: ['a-1'], fromPosition: 3 }), 0],
      ['a category', ofA, 5],
      ['several selectors', selectionOf({ streams: ['a-1', 'b-1'], categories: ['c'] }), 6],
      ['a stream without messages', selectionOf({ streams: ['c-1'] }), 0],
      ['a category without messages', selectionOf({ categories: ['c'] }), 0],
    ])('is the one with the highest global position: %s', async (_what, selection, last) => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await opened.append('a-2');
      await opened.append('a-1');
      await opened.append('a-2');
      await opened.append('b-1');
      const { epoch } = await opened.store.extent(namespace);
      expect(await opened.store.lastOf(namespace, selection, 0)).toEqual({ epoch, globalPosition: last });
    });

    test('is that of the streams which the member of a group owns, however far it lies back', async () => {
      await using opened = await open();
      const size = 4;
      const owner = (id: number) => new StreamName(`a-${id}`).owner(size);
      const streams = Array.from({ length: 40 }, (_value, id) => id);
      for (const id of streams) await opened.append(`a-${id}`);
      const crowded = streams[0]!;
      for (let count = 0; count < 20; count++) await opened.append(`a-${crowded}`, newMessages(1_000));
      for (let member = 0; member < size; member++) {
        const expected = member === owner(crowded) ? 20_040 : 1 + streams.findLast((id) => owner(id) === member)!;
        const { globalPosition } = await opened.store.lastOf(namespace, group(member, size), 0);
        expect(globalPosition).toBe(expected);
      }
    });

    test('is looked for behind a global position only', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await opened.append('b-1');
      const behind = async (after: number) => (await opened.store.lastOf(namespace, ofA, after)).globalPosition;
      expect([await behind(1), await behind(2), await behind(3)]).toEqual([2, 2, 3]);
    });

    test('is none in a namespace that has no message, also when it begins behind a position', async () => {
      await using opened = await open();
      await opened.store.begin('later', 9);
      const lastOf = async (name: string, selection: Selection) =>
        (await opened.store.lastOf(name, selection, 0)).globalPosition;
      expect([await lastOf('none', everything), await lastOf('later', everything), await lastOf('none', ofA)]).toEqual([
        0, 0, 0,
      ]);
    });
  });

  describe('a watcher of replaced logs', () => {
    test('is told before anything of the new one is announced, by its epoch, and of nothing else', async () => {
      await using opened = await open();
      const told: string[] = [];
      opened.store.watch(
        (_namespace, poke) => told.push(textOf(poke)),
        (inNamespace, epoch) => told.push(`replaced ${inNamespace} by ${epoch}`),
      );
      await opened.append('a-1', 2);
      await replaceBy(opened.store, [1, 2, 3]);
      const { epoch } = await opened.store.extent(namespace);
      await expect.poll(() => told).toEqual(['a-1/0@1', 'a-1/1@2', `replaced default by ${epoch}`, 'a-1/2@3']);
      await opened.store.drop(namespace);
      expect(told).toHaveLength(4);
    });
  });
}
