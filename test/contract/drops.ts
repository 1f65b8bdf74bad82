import { describe, expect, test } from 'vitest';
import { everything, newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { namespace, type Open, textOf } from './message-store.ts';

export function describeDrops(open: Open): void {
  describe('the description of a log', () => {
    test('counts its messages and streams, and has the time of its last message', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.append('b-1');
      await opened.append('a-1', 5, 'other');
      const last = (await opened.log()).at(-1);
      expect(await opened.store.describeLog(namespace)).toEqual({
        messages: 4,
        streams: 2,
        lastActivityMs: last?.timeMs,
      });
    });

    test('of a namespace without messages is empty', async () => {
      await using opened = await open();
      const nothing = { messages: 0, streams: 0, lastActivityMs: undefined };
      expect(await opened.store.describeLog('none')).toEqual(nothing);
    });
  });

  describe('dropping a namespace', () => {
    test('forgets its messages, and says how many there were', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.append('b-1');
      expect(await opened.store.drop(namespace)).toEqual({ messages: 4, head: 4 });
      const reads = [
        await opened.log(),
        await opened.stream('a-1'),
        await opened.pokes(everything),
        await opened.store.readLast(namespace, 'a-1', undefined),
        (await opened.store.extent(namespace)).head,
        await opened.store.version(namespace, 'a-1'),
        await opened.store.describeStream(namespace, 'a-1'),
        await opened.store.listStreams(namespace, '', undefined, 10),
        await opened.store.listCategories(namespace, undefined, 10),
      ];
      expect(reads).toEqual([[], [], [], undefined, 0, -1, undefined, [], []]);
      expect(await opened.store.describeLog(namespace)).toMatchObject({ messages: 0, streams: 0 });
    });

    test('gives back its room, and that of no other', async () => {
      await using opened = await open();
      await opened.append('a-1', 2, 'other');
      const usage = await opened.store.usage();
      await opened.append('a-1', 3);
      await opened.store.drop(namespace);
      expect(await opened.store.usage()).toEqual(usage);
      expect((await opened.store.extent('other')).head).toBe(2);
    });

    test('refuses what is appended to it afterwards, and announces nothing of it', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      await opened.store.drop(namespace);
      const told: string[] = [];
      opened.store.watch((inNamespace, poke) => told.push(`${inNamespace} ${textOf(poke)}`));
      const append = (messages = newMessages(1), expected?: number) =>
        opened.store.append(namespace, 'a-1', messages, expected);
      const dropped = { outcome: 'dropped' };
      expect([await append(), await append([message]), await append(newMessages(2), 7)]).toEqual([
        dropped,
        dropped,
        dropped,
      ]);
      await opened.append('a-1', 1, 'other');
      await expect.poll(() => told).toEqual(['other a-1/0@1']);
      expect(await opened.store.usage()).toMatchObject({ messages: 1, streams: 1 });
    });

    test('once more tells the head again, for whoever could not finish a deletion', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.store.begin('recreated', 7);
      expect(await opened.store.drop(namespace)).toEqual({ messages: 3, head: 3 });
      expect(await opened.store.drop(namespace)).toEqual({ messages: 0, head: 3 });
      expect(await opened.store.drop('recreated')).toEqual({ messages: 0, head: 7 });
    });

    test('of a namespace without messages drops none, and refuses appends all the same', async () => {
      await using opened = await open();
      expect([await opened.store.drop(namespace), await opened.store.drop(namespace)]).toEqual([
        { messages: 0, head: 0 },
        { messages: 0, head: 0 },
      ]);
      expect(await opened.store.append(namespace, 'a-1', newMessages(1), undefined)).toEqual({ outcome: 'dropped' });
    });
  });
}
