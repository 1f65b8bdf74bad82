import { randomUUIDv7 } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newMessage, uuid } from '../support/fake-messages.ts';
import type { Suite } from './suite.ts';

export function describeRepeatedAppends({ open, isSameText }: Suite): void {
  describe('a repeated append', () => {
    const one = () => newMessage({ id: uuid(1), data: '{"a":1,"b":[2,{"c":3,"d":4}]}', metadata: '{"m":1,"n":2}' });
    const batch = () => [1, 2, 3].map((number) => newMessage({ id: uuid(number), data: `{"n":${number}}` }));

    test('returns the first position and stores nothing', async () => {
      await using opened = await open();
      await opened.append('b-1', 4);
      const first = await opened.log.append('a-1', [one()], undefined);
      await opened.append('a-1', 2);
      const again = await opened.log.append('a-1', [one()], undefined);
      expect([again, (await opened.stream('a-1')).length]).toEqual([{ ...first, outcome: 'known' }, 3]);
    });

    test('is recognised even if the expected version no longer matches', async () => {
      await using opened = await open();
      await opened.log.append('a-1', [one()], -1);
      const again = await opened.log.append('a-1', [one()], -1);
      expect(again).toEqual({ outcome: 'known', position: 0, globalPosition: 1 });
    });

    test('is recognised even if the members of its payload are in another order', async () => {
      await using opened = await open();
      await opened.append('a-1', [one()]);
      const turned = { ...one(), data: '{"b":[2,{"d":4,"c":3}],"a":1}', metadata: '{"n":2,"m":1}' };
      const { outcome } = await opened.log.append('a-1', [turned], undefined);
      expect(outcome).toBe('known');
      expect(isSameText((await opened.stream('a-1'))[0]!.data, one().data)).toBe(true);
    });

    test('of an array returns the position of its last message', async () => {
      await using opened = await open();
      await opened.append('a-1');
      await opened.append('a-1', batch());
      const again = await opened.log.append('a-1', batch(), undefined);
      expect([again, await opened.head()]).toEqual([{ outcome: 'known', position: 3, globalPosition: 4 }, 4]);
    });

    test.each([
      ['another stream', 'a-2', {}],
      ['another type', 'a-1', { type: 'Other' }],
      ['other data', 'a-1', { data: '{"a":2}' }],
      ['a number spelled otherwise', 'a-1', { data: '{"a":1.0,"b":[2,{"c":3,"d":4}]}' }],
      ['other metadata', 'a-1', { metadata: '{"m":2,"n":2}' }],
      ['no metadata', 'a-1', { metadata: null }],
    ])('with %s borrows an id and is refused', async (_what, stream, change) => {
      await using opened = await open();
      await opened.append('a-1', [one()]);
      const outcome = await opened.log.append(stream, [{ ...one(), ...change }], undefined);
      expect([outcome, await opened.head()]).toEqual([{ outcome: 'duplicate-id', id: uuid(1) }, 1]);
    });

    test.each([
      ['a new message behind', [1, 2, 3, 4]],
      ['a new message before', [4, 1, 2, 3]],
      ['messages in another order', [2, 1, 3]],
      ['a message left out', [1, 3]],
    ])('of an array with %s is refused', async (_what, numbers) => {
      await using opened = await open();
      await opened.append('a-1', batch());
      const messages = numbers.map((number) => newMessage({ id: uuid(number), data: `{"n":${number}}` }));
      const { outcome } = await opened.log.append('a-1', messages, undefined);
      expect([outcome, await opened.head()]).toEqual(['duplicate-id', 3]);
    });

    test('with a message whose id was generated is refused', async () => {
      await using opened = await open();
      await opened.append('a-1', [one()]);
      const { outcome } = await opened.log.append('a-1', [one(), newMessage()], undefined);
      expect([outcome, await opened.head()]).toEqual(['duplicate-id', 1]);
    });
  });

  describe('an id', () => {
    test('may occur once in an append', async () => {
      await using opened = await open();
      const messages = [newMessage({ id: uuid(1) }), newMessage(), newMessage({ id: uuid(1) })];
      const outcome = await opened.log.append('a-1', messages, undefined);
      expect([outcome, await opened.head()]).toEqual([{ outcome: 'duplicate-id', id: uuid(1) }, 0]);
    });

    test('that was generated is recognised when a client supplies it later', async () => {
      await using opened = await open();
      const message = newMessage();
      await opened.append('a-1', [message]);
      const outcome = await opened.log.append('a-1', [{ ...message, given: true }], undefined);
      expect(outcome).toEqual({ outcome: 'known', position: 0, globalPosition: 1 });
    });

    test('is checked before the version', async () => {
      await using opened = await open();
      await opened.append('a-1', [newMessage({ id: uuid(1) })]);
      const { outcome } = await opened.log.append('a-1', [newMessage({ id: uuid(1), type: 'Other' })], 5);
      expect(outcome).toBe('duplicate-id');
    });

    test('of a refused append can be used', async () => {
      await using opened = await open();
      await opened.log.append('a-1', [newMessage({ id: uuid(1) })], 5);
      const { outcome } = await opened.log.append('b-1', [newMessage({ id: uuid(1) })], undefined);
      expect(outcome).toBe('appended');
    });

    test('is found among many others', async () => {
      await using opened = await open();
      const ids = Array.from({ length: 3_000 }, () => randomUUIDv7());
      for (let from = 0; from < ids.length; from += 100) {
        await opened.append(
          'a-1',
          ids.slice(from, from + 100).map((id) => newMessage({ id })),
        );
      }
      for (let position = 0; position < ids.length; position += 10) {
        const outcome = await opened.log.append('a-1', [newMessage({ id: ids[position]! })], undefined);
        expect(outcome).toEqual({ outcome: 'known', position, globalPosition: position + 1 });
      }
    });
  });
}
