import { describe, expect, test } from 'vitest';
import { newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';

export function describeAppends({ open, expectSame, isSameText, capabilities }: Suite): void {
  describe('an append', () => {
    test('returns the position of the last message', async () => {
      await using opened = await open();
      const outcome = await opened.log.append('a-1', newMessages(3), undefined);
      expect(outcome).toEqual({ outcome: 'appended', position: 2, globalPosition: 3 });
    });

    test('counts positions in each stream and global positions in the log', async () => {
      await using opened = await open();
      const places = [];
      for (const stream of ['a-1', 'b-1', 'a-1', 'b-1']) {
        places.push(await opened.log.append(stream, newMessages(1), undefined));
      }
      expect(places).toMatchObject([{ position: 0 }, { position: 0 }, { position: 1 }, { position: 1 }]);
      const log = (await opened.messages()).map(({ globalPosition }) => globalPosition);
      expect(places.map((place) => 'globalPosition' in place && place.globalPosition)).toEqual(log);
    });

    test('keeps every field unchanged', async () => {
      await using opened = await open();
      const message = newMessage({
        id: uuid(7),
        type: 'Ty pe "😀"',
        data: '{"n":12345678901234567890,"z":-0,"a":"\\u0041\u2028"}',
        metadata: '{"1":1,"0":1e400}',
      });
      await opened.append('accounts-123+x', [message]);
      const { id, type, data, metadata } = message;
      const [read] = await opened.stream('accounts-123+x');
      expectSame(
        [read],
        [
          {
            id,
            stream: 'accounts-123+x',
            type,
            data,
            metadata,
            position: 0,
            globalPosition: 1,
            timeMs: read!.timeMs,
            timeNanos: 0,
          },
        ],
      );
    });

    test('distinguishes null metadata from an empty object', async () => {
      await using opened = await open();
      await opened.append('a-1', [newMessage(), newMessage({ metadata: '{}' })]);
      expect((await opened.stream('a-1')).map(({ metadata }) => metadata)).toEqual([null, '{}']);
    });

    test('keeps payloads of every size', async () => {
      await using opened = await open();
      const sizes = [0, 1, 4_000, 5_000, 70_000, 1_100_000, 3_000_000, 10];
      const payloads = sizes.map((size, index) => `{"${index}":"${'é'.repeat(size)}"}`);
      for (const data of payloads) await opened.append('a-1', [newMessage({ data, metadata: data })]);
      const read = await opened.stream('a-1');
      expect(read.map(({ data }) => payloads.findIndex((payload) => isSameText(data, payload)))).toEqual(
        sizes.map((_size, index) => index),
      );
      expect(read.every(({ data, metadata }) => data === metadata)).toBe(true);
    });

    test('distinguishes the longest names', async () => {
      await using opened = await open();
      const [one, two] = [`${'x'.repeat(1_023)}1`, `${'x'.repeat(1_023)}2`] as const;
      await opened.append(one);
      await opened.append(two, 2);
      expect([(await opened.stream(one)).length, (await opened.stream(two)).length]).toEqual([1, 2]);
    });

    test('can be read as soon as it was answered', async () => {
      await using opened = await open();
      await opened.append('a-1');
      expect([await opened.log.version('a-1'), (await opened.messages()).length]).toEqual([0, 1]);
    });

    test('of an array is contiguous in the log even with concurrent writers', async () => {
      await using opened = await open();
      const appends = Array.from({ length: 20 }, (_value, index) => opened.append(`a-${index % 3}`, 5));
      await Promise.all(appends);
      const streams = (await opened.messages()).map(({ stream }) => stream);
      const pieces = Array.from({ length: 20 }, (_value, index) => streams.slice(index * 5, index * 5 + 5));
      expect(pieces.map((piece) => new Set(piece).size)).toEqual(Array(20).fill(1));
    });

    test.skipIf(capabilities.largestAppend === Number.POSITIVE_INFINITY)(
      'with more messages than the store accepts is refused, and with exactly as many is stored',
      async () => {
        await using opened = await open();
        const { largestAppend } = capabilities;
        await expect(opened.log.append('a-1', newMessages(largestAppend + 1), undefined)).rejects.toMatchObject({
          code: 'BODY_TOO_LARGE',
        });
        expect(await opened.head()).toBe(0);
        expect(await opened.append('a-1', largestAppend)).toBe(largestAppend);
      },
    );

    test('of concurrent writers all get distinct positions', async () => {
      await using opened = await open();
      await Promise.all(Array.from({ length: 64 }, () => opened.append('a-1', 3)));
      const positions = (await opened.stream('a-1')).map(({ position }) => position);
      expect(positions).toEqual(Array.from({ length: 192 }, (_value, index) => index));
    });
  });

  describe('the time of a message', () => {
    test('is when it was stored', async () => {
      await using opened = await open();
      const before = Date.now();
      await opened.append('a-1');
      const [message] = await opened.stream('a-1');
      expect(message!.timeMs).toBeGreaterThanOrEqual(before);
      expect(message!.timeMs).toBeLessThanOrEqual(Date.now());
    });
  });

  describe('an expected version', () => {
    test.each([
      ['-1 of a stream without messages', 0, -1],
      ['the position of the last message', 3, 2],
    ])('lets %s pass', async (_what, present, expected) => {
      await using opened = await open();
      if (present > 0) await opened.append('a-1', present);
      expect(await opened.log.append('a-1', newMessages(1), expected)).toMatchObject({
        outcome: 'appended',
        position: present,
      });
    });

    test.each([
      [0, 0, -1],
      [-1, 2, 1],
      [0, 2, 1],
      [2, 2, 1],
      [Number.MAX_SAFE_INTEGER, 2, 1],
    ])('of %i stops an append to a stream of %i messages', async (expected, present, actual) => {
      await using opened = await open();
      if (present > 0) await opened.append('a-1', present);
      const outcome = await opened.log.append('a-1', newMessages(2), expected);
      expect(outcome).toEqual({ outcome: 'version-conflict', expected, actual });
    });

    test('that does not match stores nothing', async () => {
      await using opened = await open();
      await opened.log.append('a-1', newMessages(2), 5);
      expect([await opened.head(), await opened.log.describeStream('a-1')]).toEqual([0, undefined]);
    });

    test('accepts one of many equal appends', async () => {
      await using opened = await open();
      const appends = Array.from({ length: 16 }, () => opened.log.append('a-1', newMessages(1), -1));
      const outcomes = (await Promise.all(appends)).map(({ outcome }) => outcome).sort();
      expect(outcomes).toEqual(['appended', ...Array(15).fill('version-conflict')]);
    });
  });
}
