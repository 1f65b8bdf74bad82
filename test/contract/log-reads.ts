import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { newMessage } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';
import { everyMessage } from './whole-log.ts';

const positionsOf = (messages: readonly Message[]) => messages.map(({ position }) => position);
const globalsOf = (messages: readonly Message[]) => messages.map(({ globalPosition }) => globalPosition);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_value, index) => from + index);

export function describeLogReads({ open }: Suite): void {
  describe('reading the log', () => {
    test('returns every message in global order', async () => {
      await using opened = await open();
      for (const stream of ['b-1', 'a-1', 'c', 'a-2']) await opened.append(stream);
      expect((await opened.messages()).map(({ stream }) => stream)).toEqual(['b-1', 'a-1', 'c', 'a-2']);
    });

    test.each([
      [-1, [1, 2, 3]],
      [0, [1, 2, 3]],
      [1, [1, 2, 3]],
      [3, [3]],
      [4, []],
    ])('from global position %i', async (from, expected) => {
      await using opened = await open();
      await opened.append('a-1', 3);
      expect(globalsOf(await opened.messages({}, from))).toEqual(expected);
    });

    test('of a category returns exactly the messages of that category', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'A-1', 'ab-1', 'a', 'a-', 'b-a-1', 'a-1-b']) await opened.append(stream);
      expect((await opened.messages({ category: 'a' })).map(({ stream }) => stream)).toEqual([
        'a-1',
        'a',
        'a-',
        'a-1-b',
      ]);
    });

    test('of the category without a name returns the streams that begin with a hyphen', async () => {
      await using opened = await open();
      for (const stream of ['-1', 'a-1', '-', 'a']) await opened.append(stream);
      expect((await opened.messages({ category: '' })).map(({ stream }) => stream)).toEqual(['-1', '-']);
    });

    test.each(['none', 'a-1', 'a-'])('of the category %j, which is none, gives nothing', async (category) => {
      await using opened = await open();
      await opened.append('a-1');
      expect(await opened.messages({ category })).toEqual([]);
    });

    test('of a group member returns the streams that it owns', async () => {
      await using opened = await open();
      for (const stream of ['x-1', 'x-2', 'x-3', 'x-4', 'x-1+a', 'x', 'x-', 'x-+a', 'y-2']) await opened.append(stream);
      const read = [0, 1].map((member) => opened.messages({ category: 'x', group: { member, size: 2 } }));
      expect((await Promise.all(read)).map((messages) => messages.map(({ stream }) => stream))).toEqual([
        ['x-1', 'x-3', 'x-1+a', 'x-', 'x-+a'],
        ['x-2', 'x-4'],
      ]);
    });

    test('of a group without a category returns the streams of all categories', async () => {
      await using opened = await open();
      for (const stream of ['x-2', 'y-2', 'y-1', 'z']) await opened.append(stream);
      const messages = await opened.messages({ group: { member: 1, size: 2 } });
      expect(messages.map(({ stream }) => stream)).toEqual(['x-2', 'y-2']);
    });

    test('of a correlation returns the messages whose metadata names a stream of that category', async () => {
      await using opened = await open();
      const metadata = [
        '{"correlationStreamName":"order-1"}',
        '{"correlationStreamName":"order"}',
        '{"other":1,"correlationStreamName":"order-2+x"}',
        '{"correlation\\u0053treamName":"\\u006frder-3"}',
        '{"correlationStreamName":"orders-1"}',
        '{"correlationStreamName":"Order-1"}',
        '{"correlationStreamName":"ord_r-1"}',
        '{"correlationStreamName":["order-1"]}',
        '{"correlationStreamName":null}',
        '{"nested":{"correlationStreamName":"order-1"}}',
        '{"text":"correlationStreamName order-1"}',
        '{}',
        null,
      ];
      await opened.append(
        'a-1',
        metadata.map((metadata) => newMessage({ metadata })),
      );
      expect(positionsOf(await opened.messages({ correlation: 'order' }))).toEqual([0, 1, 2, 3]);
    });

    test('returns the messages that meet all conditions', async () => {
      await using opened = await open();
      const metadata = '{"correlationStreamName":"order-1"}';
      for (const stream of ['x-1', 'x-2', 'y-2', 'x-2']) {
        await opened.append(stream, [newMessage({ metadata }), newMessage()]);
      }
      const filter = { category: 'x', group: { member: 1, size: 2 }, correlation: 'order' };
      expect(globalsOf(await opened.messages(filter))).toEqual([3, 7]);
    });

    test('filters before it limits', async () => {
      await using opened = await open();
      for (let count = 0; count < 50; count++) await opened.append(count % 10 === 9 ? 'x-2' : 'x-1');
      const filter = { ...everyMessage, category: 'x', group: { member: 1, size: 2 } };
      const page = await opened.log.read(filter, 0, 3);
      expect([globalsOf(page.messages), page.next]).toEqual([[10, 20, 30], 40]);
    });

    test('finds a match after ten thousand messages that do not match', async () => {
      await using opened = await open();
      await opened.appendMany('x-1', 10_000);
      await opened.append('x-2', 2);
      const found = await opened.messages({ category: 'x', group: { member: 1, size: 2 } });
      expect(globalsOf(found)).toEqual([10_001, 10_002]);
    });

    test('has no next page if the limit falls on the end', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      expect((await opened.log.read(everyMessage, 0, 2)).next).toBeNull();
    });

    test.each([1, 2, 7])('returns every message once in pages of %i', async (limit) => {
      await using opened = await open();
      for (const stream of ['a-1', 'b-1', 'a-2', 'a-3', 'b-2', 'a-1', 'a-1', 'c']) await opened.append(stream, 3);
      expect(globalsOf(await opened.messages({}, 0, limit))).toEqual(range(1, 24));
      expect(globalsOf(await opened.messages({ category: 'b' }, 0, limit))).toEqual([4, 5, 6, 13, 14, 15]);
    });

    test('returns at most 1 MiB of payload per page, or one message', async () => {
      await using opened = await open();
      for (const size of [600_000, 600_000, 2_000_000, 10]) {
        await opened.append('a-1', [newMessage({ metadata: `{"a":"${'x'.repeat(size)}"}` })]);
      }
      const pages: number[][] = [];
      for (let next: number | null = 0; next !== null; ) {
        const page = await opened.log.read(everyMessage, next, 1_000);
        pages.push(globalsOf(page.messages));
        next = page.next;
      }
      expect(pages).toEqual([[1], [2], [3], [4]]);
    });
  });
}
