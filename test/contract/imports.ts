import { expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { everything, newMessage, newMessages, selectionOf, uuid } from '../support/fake-messages.ts';
import { messageAt, messagesAt } from '../support/imported-messages.ts';
import { imported, importInto } from './import-into.ts';
import type { OpenedStore } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeImports({ open, describe, capabilities, expectSame, count, listed: inOrder }: Suite): void {
  describe('an import', ['imports'], () => {
    test('keeps every field unchanged, including an id that is not a UUID and the nanoseconds of its time', async () => {
      await using opened = await open();
      const message: Message = {
        id: '1 "é"',
        stream: 'account-1+x',
        type: 'Ty pe',
        position: 5,
        globalPosition: 999,
        data: '{"n":12345678901234567890}',
        metadata: '{"a":1.0}',
        timeMs: 1_700_000_000_123,
        timeNanos: 456_789,
      };
      const plain = messageAt('b-1/0@1000', { timeMs: -1, metadata: null });
      expect(await importInto(opened, [[message, plain]])).toEqual([imported]);
      expectSame(await opened.messages(), [message, plain]);
      expectSame([await opened.log.readLast('account-1+x', undefined)], [message]);
    });

    test('of no messages changes nothing', async () => {
      await using opened = await open();
      expect(await importInto(opened, [[]])).toEqual([imported]);
      expect([await opened.head(), await opened.messages()]).toEqual([0, []]);
    });

    test('keeps gaps in stream positions, and reads by position respect them', async () => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/2@10', 'a-1/3@20', 'b-1/0@25', 'a-1/7@30')]);
      const from = async (position: number, limit?: number) =>
        placesOf(await opened.stream('a-1', { position }, limit)).map((place) => place.slice(4));
      expect([await from(0), await from(3), await from(4), await from(7, 1), await from(8)]).toEqual([
        ['2@10', '3@20', '7@30'],
        ['3@20', '7@30'],
        ['7@30'],
        ['7@30'],
        [],
      ]);
      expect(await from(-1, 1)).toEqual(['2@10', '3@20', '7@30']);
      const page = await opened.log.readStream('a-1', { position: 0 }, 2);
      expect(page.next).toBe(7);
      expect(await opened.log.version('a-1')).toBe(7);
      expect(await opened.log.describeStream('a-1')).toMatchObject({ version: 7, messageCount: count(3) });
      for (const [fromPosition, expected] of [
        [1, ['a-1/2@10', 'a-1/3@20', 'a-1/7@30']],
        [4, ['a-1/7@30']],
        [8, []],
      ] as const) {
        expect(await opened.pokes(selectionOf({ streams: ['a-1'], fromPosition }))).toEqual(expected);
      }
    });

    test('keeps gaps in global positions, and reads from within a gap start after it', async () => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/0@10', 'a-1/1@20')]);
      expect(placesOf(await opened.messages({}, 11))).toEqual(['a-1/1@20']);
      expect(placesOf(await opened.stream('a-1', { globalPosition: 11 }))).toEqual(['a-1/1@20']);
      expect(await opened.pokes(everything, 10)).toEqual(['a-1/1@20']);
    });

    test('makes the next append follow every position', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await importInto(opened, [messagesAt('a-1/5@999', 'b-1/9@500')]);
      expect(await opened.head()).toBe(999);
      const append = (stream: string, expected?: number) => opened.log.append(stream, newMessages(1), expected);
      expect([await append('a-1', 5), await append('b-1', 9), await append('c-1', -1)]).toEqual([
        { outcome: 'appended', position: 6, globalPosition: 1000 },
        { outcome: 'appended', position: 10, globalPosition: 1001 },
        { outcome: 'appended', position: 0, globalPosition: 1002 },
      ]);
      expect(placesOf(await opened.stream('a-1'))).toEqual(['a-1/0@1', 'a-1/1@2', 'a-1/5@999', 'a-1/6@1000']);
    });

    test('accepts the messages of a batch in any order', async () => {
      await using opened = await open();
      const batch = messagesAt('b-1/4@9', 'a-1/1@5', 'c-1/0@7', 'a-1/0@1', 'b-1/0@3');
      expect(await importInto(opened, [batch])).toEqual([imported]);
      const log = ['a-1/0@1', 'b-1/0@3', 'a-1/1@5', 'c-1/0@7', 'b-1/4@9'];
      expect(placesOf(await opened.messages())).toEqual(log);
      expect(await opened.pokes(everything)).toEqual(log);
    });

    test('accepts batches before, between and after existing messages', async () => {
      await using opened = await open();
      const batches = [
        messagesAt('a-1/10@100', 'b-1/10@110', 'a-1/12@120'),
        messagesAt('a-1/2@20', 'c-1/0@30', 'b-1/1@10'),
        messagesAt('a-1/11@115', 'b-1/30@300', 'a-2/0@25', 'b-1/2@40'),
      ];
      const messages = batches.flat().toSorted((one, other) => one.globalPosition - other.globalPosition);
      expect(await importInto(opened, batches)).toEqual([imported, imported, imported]);
      expectSame(await opened.messages(), messages);
      for (const stream of ['a-1', 'a-2', 'b-1', 'c-1']) {
        const expected = messages.filter((message) => message.stream === stream);
        expectSame(await opened.stream(stream), expected);
        expectSame(
          await opened.stream(stream, { globalPosition: 25 }, 1),
          expected.filter(({ globalPosition }) => globalPosition >= 25),
        );
        expect(await opened.pokes(selectionOf({ streams: [stream] }))).toEqual(placesOf(expected));
        expectSame([await opened.log.readLast(stream, undefined)], expected.slice(-1));
      }
      const ofCategory = messages.filter(({ stream }) => stream.startsWith('a-'));
      expectSame(await opened.messages({ category: 'a' }), ofCategory);
      expect(await opened.pokes(selectionOf({ categories: ['a'] }), 20, 2)).toEqual(placesOf(ofCategory.slice(1)));
      const categories = await opened.log.listCategories(undefined, 10);
      expect(inOrder(categories.map(({ category }) => category))).toEqual(['a', 'b', 'c']);
    });

    test('keeps large payloads and times of existing messages when messages are inserted before them', async () => {
      await using opened = await open();
      const large = (place: string, timeNanos: number) =>
        messageAt(place, { data: `{"a":"${place.repeat(300)}"}`, timeNanos });
      const behind = Array.from({ length: 700 }, (_value, index) =>
        large(`a-1/${index + 700}@${index + 5_000}`, index),
      );
      const before = Array.from({ length: 700 }, (_value, index) => large(`a-1/${index}@${index * 2 + 1}`, index % 3));
      await importInto(opened, [behind, before]);
      expectSame(await opened.messages(), [...before, ...behind]);
    });

    test('does not prevent a writer from repeating an append, before or after the imported messages', async () => {
      await using opened = await open();
      const messages = [newMessage({ id: uuid(1) }), newMessage({ id: uuid(2) })];
      await importInto(opened, [messagesAt('b-1/0@50')]);
      await opened.append('a-1', messages);
      await importInto(opened, [messagesAt('b-2/0@1', 'b-2/1@40')]);
      const known = { outcome: 'known', position: 1, globalPosition: 52 };
      expect(await opened.log.append('a-1', messages, undefined)).toEqual(known);
    });

    test('is counted like an append', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      // Excludes the extra cost of a log's first message from the comparison.
      await opened.append('z-1');
      const { bytes: before } = await opened.store.usage();
      await opened.append('a-1', [message]);
      const { bytes } = await opened.store.usage();
      const copy = messageAt('b-1/0@3', { id: uuid(2), type: message.type, data: '{}', metadata: null });
      await importInto(opened, [[copy]]);
      const usage = await opened.store.usage();
      expect(usage).toMatchObject({ messages: count(3), streams: count(3) });
      if (capabilities.counts === 'exact') expect(usage.bytes - bytes).toBe(bytes - before);
      const summaries = await opened.store.summarize([opened.log.id]);
      const summary = { messages: count(3), streams: count(3), lastActivityMs: copy.timeMs };
      expect(summaries.get(opened.log.id)).toEqual(summary);
    });

    test('prevents appends with a time before that of the last message', async () => {
      await using opened = await open();
      const timeMs = Date.now() + 3_600_000;
      await importInto(opened, [[messageAt('a-1/0@1', { timeMs })]]);
      await opened.append('a-1');
      expect((await opened.messages()).map((message) => message.timeMs)).toEqual([timeMs, timeMs]);
    });
  });

  describe('a search for the last message, while an import puts others before it,', ['imports'], () => {
    const stream = 'a-1';
    const size = 2;
    const member = new StreamName(stream).owner(size);
    const ofOthers = Array.from({ length: 9 }, (_value, n) => `a-${n}`).find(
      (name) => new StreamName(name).owner(size) !== member,
    )!;

    /** A log with one message of a type and member, followed by many others, and with room before it. */
    async function openLong(following: string): Promise<OpenedStore> {
      const opened = await open();
      await importInto(opened, [[...messagesAt('a-1/0@1'), messageAt('a-1/10@10', { type: 'Wanted' })]]);
      // About the number of messages that a store may examine without a pause.
      await opened.append(following, 8_192);
      return opened;
    }

    const importBefore = async ({ log }: OpenedStore) => (await log.beginImport()).add(messagesAt('a-1/5@5'));

    test('finds the last message of a type', async () => {
      await using opened = await openLong(stream);
      const found = opened.log.readLast(stream, 'Wanted');
      expect(await importBefore(opened)).toEqual(imported);
      expect((await found)?.globalPosition).toBe(10);
    });

    test('finds the last message of a group member', async () => {
      await using opened = await openLong(ofOthers);
      const selection = selectionOf({ categories: ['a'], group: { member, size } });
      const found = opened.log.last(selection, 0, Number.MAX_SAFE_INTEGER);
      expect(await importBefore(opened)).toEqual(imported);
      expect(await found).toBe(10);
    });
  });
}
