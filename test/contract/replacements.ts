import { expect, test } from 'vitest';
import { everything, newMessage, newMessages } from '../support/fake-messages.ts';
import { messageAt, messagesAt } from '../support/imported-messages.ts';
import { expectGone } from './expect-gone.ts';
import { imported } from './import-into.ts';
import { defaultId } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeReplacements(suite: Suite): void {
  const { open, describe, test: testWhere, count, listed: inOrder } = suite;

  describe('a replacement', ['replacements'], () => {
    test('is not visible before it is committed, and then replaces everything', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const session = await opened.store.beginReplacement(opened.namespace);
      expect(await session.add(messagesAt('b-1/0@1', 'a-1/7@9'))).toEqual(imported);
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1', 'a-1/1@2']);
      expect(await opened.log.describeStream('b-1')).toBeUndefined();
      expect(await session.commit()).toEqual({ outcome: 'committed' });
      const replaced = await opened.current();
      expect(placesOf(await replaced.messages())).toEqual(['b-1/0@1', 'a-1/7@9']);
      const streams = await replaced.log.listStreams('', undefined, 10);
      expect(inOrder(streams.map(({ stream }) => stream))).toEqual(['a-1', 'b-1']);
      expect(await replaced.log.describeStream('a-1')).toMatchObject({ version: 7, messageCount: count(1) });
    });

    test('creates another log, and keeps everything else of the namespace', async () => {
      await using opened = await open();
      await opened.replaceBy('b-1/0@1');
      const found = await opened.store.namespaces.find(defaultId);
      expect(found).toEqual({ ...opened.namespace, log: expect.any(String) });
      expect(found!.log).not.toBe(opened.namespace.log);
    });

    test('makes the replaced log gone for every handle on it', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.replaceBy('b-1/0@1');
      await expectGone(opened.log, suite);
      await expectGone(opened.store.log(opened.log.id), suite);
      expect(await opened.store.summarize([opened.log.id])).toEqual(new Map());
    });

    testWhere('makes an import into the replaced log fail', ['imports'], async () => {
      await using opened = await open();
      const session = await opened.log.beginImport();
      expect(await session.add(messagesAt('a-1/0@1'))).toEqual(imported);
      const log = await opened.replaceBy('b-1/0@1');
      expect(await session.add(messagesAt('a-1/1@2'))).toEqual({ outcome: 'gone' });
      expect(await session.commit()).toEqual({ outcome: 'gone' });
      expect(placesOf(await log.messages())).toEqual(['b-1/0@1']);
    });

    test('has its own id on every page, which differs from that of the previous log', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const before = await opened.log.bounds();
      const { log } = await opened.replaceBy('a-1/0@1');
      const page = await log.pokes(everything, 0, 10);
      page.release();
      const epochs = [await log.bounds(), page, await log.readStream('a-1', { position: 0 }, 10)];
      expect(epochs.map(({ epoch }) => epoch)).toEqual([log.id, log.id, log.id]);
      expect([before.epoch, before.epoch === log.id]).toEqual([opened.log.id, false]);
    });

    test('may reuse ids and positions of the log that it replaces, but none twice', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const session = await opened.store.beginReplacement(opened.namespace);
      expect(await session.add(messagesAt('a-1/0@1', 'a-1/1@2'))).toEqual(imported);
      const refused = { outcome: 'position-exists', index: 0, field: 'id' };
      expect(await session.add(messagesAt('a-1/2@2'))).toEqual(refused);
      await session.abort();
    });

    test('that is aborted leaves the log unchanged, even if it is aborted twice', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const session = await opened.store.beginReplacement(opened.namespace);
      await session.add(messagesAt('b-1/0@1'));
      await session.add(messagesAt('b-1/0@1'));
      await session.abort();
      await session.abort();
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1', 'a-1/1@2']);
      expect(await opened.store.namespaces.find(defaultId)).toEqual(opened.namespace);
    });

    test('by nothing empties the log, which continues after its last global position', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const log = await opened.replaceBy();
      expect([await log.messages(), await log.head(), await log.pokes(everything)]).toEqual([[], 3, []]);
      expect(await log.log.append('a-1', newMessages(1), -1)).toEqual({
        outcome: 'appended',
        position: 0,
        globalPosition: 4,
      });
    });

    test('by a shorter log does not lower the head, and reads reach it', async () => {
      await using opened = await open();
      await opened.append('a-1', 5);
      const log = await opened.replaceBy('b-1/0@2');
      const page = await log.log.pokes(everything, 0, 10);
      expect([page.pokes.length, page.upTo, page.atEnd, page.forgottenUpTo]).toEqual([1, 5, true, 0]);
      page.release();
      await log.append('b-1');
      expect(placesOf(await log.messages())).toEqual(['b-1/0@2', 'b-1/1@6']);
    });

    test('of a replaced log starts after every earlier log of the namespace', async () => {
      await using opened = await open();
      await opened.append('a-1', 5);
      await opened.replaceBy('b-1/0@2');
      const log = await opened.replaceBy('b-1/0@3');
      expect([await log.head(), await log.append('b-1')]).toEqual([5, 6]);
    });

    test('of a namespace that was read before an earlier replacement replaces the current log', async () => {
      await using opened = await open();
      const first = await opened.store.beginReplacement(opened.namespace);
      const second = await opened.store.beginReplacement(opened.namespace);
      await first.add(messagesAt('a-1/0@1'));
      await second.add(messagesAt('b-1/0@1'));
      expect([await first.commit(), await second.commit()]).toEqual(Array(2).fill({ outcome: 'committed' }));
      expect(placesOf(await (await opened.current()).messages())).toEqual(['b-1/0@1']);
    });
  });

  describe('the room of a replacement', ['replacements', 'exact counts'], () => {
    test('is released when it is aborted', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const usage = await opened.store.usage();
      const session = await opened.store.beginReplacement(opened.namespace);
      await session.add(messagesAt('b-1/0@1'));
      await session.abort();
      expect(await opened.store.usage()).toEqual(usage);
    });

    test('is the only space in use once it is committed', async () => {
      await using opened = await open();
      const empty = await opened.store.usage();
      await opened.append('a-1', 3);
      const { log } = await opened.replaceBy();
      expect(await opened.store.usage()).toEqual(empty);
      expect((await opened.store.summarize([log.id])).get(log.id)).toEqual({
        messages: 0,
        streams: 0,
        lastActivityMs: undefined,
      });
    });
  });

  describe('a replacement in a store with a limit', ['replacements', 'a byte limit'], () => {
    test('shares the limit with the log that it will replace, whose space is released afterwards', async () => {
      await using opened = await open({ maxBytes: 200_000 });
      const data = `{"a":"${'x'.repeat(100_000)}"}`;
      await opened.append('a-1', [newMessage({ data })]);
      const session = await opened.store.beginReplacement(opened.namespace);
      expect((await session.add([messageAt('b-1/0@1', { data })])).outcome).toBe('full');
      expect((await session.add([messageAt('b-1/0@1')])).outcome).toBe('imported');
      await session.commit();
      await (await opened.current()).append('c-1', [newMessage({ data })]);
    });
  });

  describe('a replacement among namespaces', ['replacements', 'many namespaces'], () => {
    test('does not affect the others', async () => {
      await using opened = await open();
      const other = await opened.create('other');
      await other.append('a-1', 2);
      await opened.replaceBy('b-1/0@1');
      expect(await other.head()).toBe(2);
    });

    test('of a removed namespace accepts nothing more, and is not committed', async () => {
      await using opened = await open();
      const session = await opened.store.beginReplacement(opened.namespace);
      await session.add(messagesAt('b-1/0@7'));
      await opened.store.namespaces.remove(opened.namespace);
      expect(await session.add(messagesAt('b-1/1@8'))).toEqual({ outcome: 'gone' });
      expect(await session.commit()).toEqual({ outcome: 'gone' });
      expect(await opened.store.namespaces.find(defaultId)).toBeUndefined();
    });

    test('does not replace the log of a later one with the same id', async () => {
      await using opened = await open();
      const session = await opened.store.beginReplacement(opened.namespace);
      await session.add(messagesAt('b-1/0@7'));
      await opened.store.namespaces.remove(opened.namespace);
      const later = await opened.create(defaultId);
      expect(await session.commit()).toEqual({ outcome: 'gone' });
      expect([await later.messages(), (await opened.current()).log.id]).toEqual([[], later.log.id]);
    });
  });
}
