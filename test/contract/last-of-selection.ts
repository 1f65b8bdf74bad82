import { describe, expect, test } from 'vitest';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { everything, selectionOf } from '../support/fake-messages.ts';
import type { OpenedStore } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf, type WholeLog } from './whole-log.ts';

const ofA = selectionOf({ categories: ['a'] });
const ofMember = (member: number, size: number) => selectionOf({ categories: ['a'], group: { member, size } });
const end = Number.MAX_SAFE_INTEGER;

export function describeLastOfSelection({ open, test: testWhere }: Suite): void {
  describe('the last message of a selection', () => {
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
      await using opened = await openSmall(open);
      expect(await opened.log.last(selection, 0, end)).toBe(last);
      expect(await opened.log.last(selection, 0, await opened.head())).toBe(last);
    });

    test.each<[string, Selection]>([
      ['everything', everything],
      ['a stream', selectionOf({ streams: ['a-1'] })],
      ['a stream from a position on', selectionOf({ streams: ['a-1'], fromPosition: 1 })],
      ['a category', ofA],
      ['a member of a group', ofMember(0, 2)],
      ['the other member', ofMember(1, 2)],
      ['several selectors', selectionOf({ streams: ['a-2', 'b-1'], categories: ['c', 'a'] })],
    ])('is looked for behind one global position and up to another: %s', async (_what, selection) => {
      await using opened = await openSmall(open);
      const selected = await globalsOf(opened, selection);
      for (let after = 0; after <= 7; after++) {
        for (let upTo = 0; upTo <= 7; upTo++) {
          const expected = selected.findLast((position) => position > after && position <= upTo) ?? after;
          expect([after, upTo, await opened.log.last(selection, after, upTo)]).toEqual([after, upTo, expected]);
        }
      }
    });

    test('is that of the streams owned by the group member, however far back it is', async () => {
      await using opened = await open();
      const size = 4;
      const owner = (id: number) => new StreamName(`a-${id}`).owner(size);
      const streams = Array.from({ length: 40 }, (_value, id) => id);
      for (const id of streams) await opened.append(`a-${id}`);
      const crowded = streams[0]!;
      await opened.appendMany(`a-${crowded}`, 20_000);
      for (let member = 0; member < size; member++) {
        const before = 1 + streams.findLast((id) => owner(id) === member)!;
        const [inMiddle, atEnd] = member === owner(crowded) ? [10_000, 20_040] : [before, before];
        expect(await opened.log.last(ofMember(member, size), 0, 10_000)).toBe(inMiddle);
        expect(await opened.log.last(ofMember(member, size), 0, end)).toBe(atEnd);
      }
    });

    test('does not exist in an empty log', async () => {
      await using opened = await open();
      expect([await opened.log.last(everything, 0, end), await opened.log.last(ofA, 7, end)]).toEqual([0, 7]);
    });

    testWhere('does not exist in a log that begins after a position', ['many namespaces'], async () => {
      await using opened = await openSmall(open);
      await opened.store.namespaces.remove(opened.namespace);
      const later = await opened.create(opened.namespace.id);
      expect([await later.log.last(everything, 0, end), await later.log.last(ofA, 0, end)]).toEqual([0, 0]);
    });
  });
}

async function openSmall(open: Suite['open']): Promise<OpenedStore> {
  const opened = await open();
  await opened.append('a-1', 2);
  for (const stream of ['a-2', 'a-1', 'a-2', 'b-1']) await opened.append(stream);
  return opened;
}

async function globalsOf(log: WholeLog, selection: Selection): Promise<number[]> {
  const pokes = await log.pokes(selection);
  const messages = await log.messages();
  return messages.filter((message) => pokes.includes(placesOf([message])[0]!)).map((message) => message.globalPosition);
}
