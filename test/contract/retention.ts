import { expect, test } from 'vitest';
import type { RetentionLimits } from '../../src/store/retention.ts';
import { everything, newMessage, newMessages, selectionOf, uuid } from '../support/fake-messages.ts';
import { forgetAll as forgetAllOf } from '../support/forget-all.ts';
import { messageAt } from '../support/imported-messages.ts';
import { expectGone } from './expect-gone.ts';
import { importInto } from './import-into.ts';
import { defaultId, newNamespace, type OpenedStore } from './opened-store.ts';
import type { Suite } from './suite.ts';

const nowMs = 1_800_000_000_000;

/** Sets a rule for the namespace `default`. */
async function keep({ store }: OpenedStore, limits: RetentionLimits | undefined, category?: string): Promise<void> {
  const namespace = await store.namespaces.find(defaultId);
  expect(await store.namespaces.setRetention(namespace!, category, limits)).toBe('changed');
}

const forgetAll = ({ store }: OpenedStore, atMs = nowMs) => forgetAllOf(store, atMs);

const places = async (opened: OpenedStore) =>
  (await opened.messages()).map(({ stream, position, globalPosition }) => `${stream}/${position}@${globalPosition}`);

export function describeRetention(suite: Suite): void {
  const { open, count } = suite;

  suite.describe('Retention', ['retention'], () => {
    test('deletes the oldest messages beyond a number, and keeps the others', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await opened.append('b-1', 2);
      await keep(opened, { maxMessages: 2 });
      expect(await forgetAll(opened)).toBe(3);
      expect(await places(opened)).toEqual(['b-1/0@4', 'b-1/1@5']);
      expect(await opened.pokes(everything, 0, 10)).toEqual(['b-1/0@4', 'b-1/1@5']);
    });

    test('deletes the oldest messages beyond a number of bytes', async () => {
      await using opened = await open();
      const data = `{"a":"${'x'.repeat(20_000)}"}`;
      for (let n = 0; n < 5; n++) await opened.append('a-1', [newMessage({ data })]);
      await keep(opened, { maxBytes: 50_000 });
      expect(await forgetAll(opened)).toBe(3);
      expect(await places(opened)).toEqual(['a-1/3@4', 'a-1/4@5']);
    });

    suite.test('deletes messages older than an age, up to the first that is not', ['imports'], async () => {
      await using opened = await open();
      const at = (place: string, timeMs: number) => messageAt(place, { timeMs });
      await importInto(opened, [[at('a-1/0@1', 100), at('b-1/0@2', 200), at('a-1/1@3', 301), at('b-1/1@4', 150)]]);
      await keep(opened, { maxAgeMs: 1_000 });
      expect(await forgetAll(opened, 1_300)).toBe(2);
      expect(await places(opened)).toEqual(['a-1/1@3', 'b-1/1@4']);
    });

    test('of a category does not affect the others', async () => {
      await using opened = await open();
      for (let n = 0; n < 3; n++) for (const stream of ['a-1', 'b-1', 'a-2']) await opened.append(stream);
      await keep(opened, { maxMessages: 1 }, 'a');
      expect(await forgetAll(opened)).toBe(5);
      expect(await places(opened)).toEqual(['b-1/0@2', 'b-1/1@5', 'b-1/2@8', 'a-2/2@9']);
      expect(await opened.pokes(selectionOf({ categories: ['a'] }), 0, 10)).toEqual(['a-2/2@9']);
    });

    test('deletes messages that either of two rules does not keep', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'a-1', 'b-1', 'b-1', 'b-1']) await opened.append(stream);
      await keep(opened, { maxMessages: 4 });
      await keep(opened, { maxMessages: 2 }, 'b');
      await forgetAll(opened);
      expect(await places(opened)).toEqual(['a-1/1@2', 'b-1/1@4', 'b-1/2@5']);
    });

    test('continues positions and versions when no message of a stream is left', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await keep(opened, { maxMessages: 0 });
      await forgetAll(opened);
      const { log } = opened;
      expect(await log.version('a-1')).toBe(2);
      expect(await log.describeStream('a-1')).toMatchObject({ version: 2, messageCount: count(0) });
      expect(await log.readLast('a-1', undefined)).toBeUndefined();
      expect(await log.append('a-1', newMessages(1), -1)).toMatchObject({ outcome: 'version-conflict', actual: 2 });
      const outcome = await log.append('a-1', newMessages(1), 2);
      expect(outcome).toEqual({ outcome: 'appended', position: 3, globalPosition: 4 });
      expect((await opened.stream('a-1')).map(({ position }) => position)).toEqual([3]);
      expect((await opened.stream('a-1', { globalPosition: 1 })).map(({ position }) => position)).toEqual([3]);
    });

    test('counts only the remaining messages, and releases the bytes of the others', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const before = await opened.store.usage();
      await opened.append('a-1', 40);
      await keep(opened, { maxMessages: 2 });
      const rule = (await opened.store.usage()).bytes;
      await forgetAll(opened);
      await keep(opened, undefined);
      const after = await opened.store.usage();
      expect(after).toMatchObject({ messages: count(2), streams: count(1), bytes: before.bytes });
      expect(after.forgotten).toEqual({ messages: 40, bytes: expect.any(Number) });
      expect(before.forgotten).toEqual({ messages: 0, bytes: 0 });
      expect(after.oldestMs).toBe((await opened.messages())[0]!.timeMs);
      expect(rule).toBeGreaterThan(after.bytes);
      expect(await opened.log.listCategories(undefined, 10)).toEqual([
        { category: 'a', streamCount: count(1), messageCount: count(2) },
      ]);
      expect((await opened.store.summarize([opened.log.id])).get(opened.log.id)).toMatchObject({ messages: count(2) });
    });

    test('accepts the id of a forgotten message again', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      await keep(opened, { maxMessages: 0 });
      await forgetAll(opened);
      expect(await opened.log.append('a-1', [message], undefined)).toMatchObject({ outcome: 'appended', position: 1 });
    });

    test('reports the exact end of the deleted range of a selection, in bounds and in pages', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'a-2', 'b-1', 'a-2', 'b-1', 'c-1']) await opened.append(stream);
      await keep(opened, { maxMessages: 0 }, 'b');
      await keep(opened, { maxMessages: 1 }, 'a');
      await forgetAll(opened);
      const told = async (selection: typeof everything) => {
        const page = await opened.log.pokes(selection, 0, 10);
        page.release();
        const bounds = await opened.log.bounds(selection);
        expect(bounds.forgottenUpTo).toBe(page.forgottenUpTo);
        return page.forgottenUpTo;
      };
      expect((await opened.log.bounds()).forgottenUpTo).toBe(5);
      expect(await told(everything)).toBe(5);
      expect(await told(selectionOf({ categories: ['a'] }))).toBe(2);
      expect(await told(selectionOf({ categories: ['b'] }))).toBe(5);
      expect(await told(selectionOf({ categories: ['a', 'c'] }))).toBe(2);
      expect(await told(selectionOf({ categories: ['c'] }))).toBe(0);
      expect(await told(selectionOf({ streams: ['a-1'] }))).toBe(1);
      expect(await told(selectionOf({ streams: ['a-2', 'none-1'] }))).toBe(2);
    });

    test('reports deletions during a read in the next page', async () => {
      await using opened = await open();
      await opened.append('a-1', 8);
      const first = await opened.log.pokes(everything, 0, 2);
      expect(first).toMatchObject({ upTo: 2, forgottenUpTo: 0 });
      first.release();
      await keep(opened, { maxMessages: 3 });
      await forgetAll(opened);
      const second = await opened.log.pokes(everything, 2, 2);
      expect(second).toMatchObject({ upTo: 7, forgottenUpTo: 5 });
      second.release();
      expect((await opened.log.readStream('a-1', { position: 2 }, 10)).messages).toHaveLength(3);
    });

    test('leaves the head unchanged, even if nothing is left', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await keep(opened, { maxMessages: 0 });
      await forgetAll(opened);
      expect(await opened.log.bounds()).toMatchObject({ head: 3, forgottenUpTo: 3, importsBelowHead: 0 });
      expect(await opened.log.pokes(everything, 0, 10)).toMatchObject({ upTo: 3, atEnd: true, pokes: [] });
    });

    test('announces nothing', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const announced: unknown[] = [];
      const unfollow = opened.log.follow((announcement) => announced.push(announcement));
      await keep(opened, { maxMessages: 0 });
      await forgetAll(opened);
      unfollow();
      expect(announced).toEqual([]);
    });

    test('deletes a long log in slices, alternating between namespaces', async () => {
      await using opened = await open();
      await opened.append('a-1', 3_000);
      await keep(opened, { maxMessages: 0 });
      const first = await opened.store.forget(nowMs);
      expect(first.messages).toBeGreaterThan(0);
      expect(first.messages).toBeLessThanOrEqual(1_000);
      expect(first.messages + (await forgetAll(opened))).toBe(3_000);
    });

    suite.test('deletes messages of one namespace only', ['many namespaces'], async () => {
      await using opened = await open();
      const other = await opened.create('other');
      await opened.append('a-1', 2);
      await other.append('a-1', 2);
      await keep(opened, { maxMessages: 0 });
      expect(await forgetAll(opened)).toBe(2);
      expect(await other.messages()).toHaveLength(2);
      expect((await other.log.bounds()).forgottenUpTo).toBe(0);
    });

    test('applies a default to namespaces without a rule for the whole log', async () => {
      await using opened = await open({ retention: { maxMessages: 1 } });
      await opened.append('a-1', 4);
      await keep(opened, { maxMessages: 3 }, 'a');
      expect(await forgetAll(opened)).toBe(3);
      await keep(opened, { maxMessages: 100 });
      await opened.append('b-1', 4);
      expect(await forgetAll(opened)).toBe(0);
    });

    suite.test('makes space in a full store if there is a rule for the whole log', ['a byte limit'], async () => {
      await using opened = await open({ maxBytes: 200_000 });
      const data = `{"a":"${'x'.repeat(40_000)}"}`;
      const outcomes: string[] = [];
      const append = async () =>
        outcomes.push((await opened.log.append('a-1', [newMessage({ data })], undefined)).outcome);
      for (let n = 0; n < 6; n++) await append();
      expect(outcomes.at(-1)).toBe('full');
      await keep(opened, { maxMessages: 1 }, 'b');
      await append();
      expect(outcomes.at(-1)).toBe('full');
      await keep(opened, { maxAgeMs: 3_600_000 });
      for (let n = 0; n < 6; n++) await append();
      expect(outcomes.slice(-6)).toEqual(Array(6).fill('appended'));
      const { bytes, maxBytes } = await opened.store.usage();
      expect(bytes).toBeLessThanOrEqual(maxBytes);
      const { forgottenUpTo, head } = await opened.log.bounds();
      expect((await opened.messages())[0]!.globalPosition).toBe(forgottenUpTo + 1);
      expect(head).toBeGreaterThan(forgottenUpTo);
    });

    suite.test('still refuses appends that do not fit after any deletion', ['a byte limit'], async () => {
      await using opened = await open({ maxBytes: 200_000, retention: { maxMessages: 1_000 } });
      const data = `{"a":"${'x'.repeat(300_000)}"}`;
      expect((await opened.log.append('a-1', [newMessage({ data })], undefined)).outcome).toBe('full');
    });

    test('reports what each rule covers and would delete, without deleting anything', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'b-1', 'a-1', 'b-1']) await opened.append(stream);
      const kept = (limits: RetentionLimits, category?: string) => opened.log.kept({ category, limits }, nowMs);
      const whole = await kept({ maxMessages: 1 });
      expect(whole).toMatchObject({ messages: 4, excess: { messages: 3, isWhole: true } });
      expect(whole.excess.bytes).toBe((whole.bytes / 4) * 3);
      expect(whole.oldestMs).toBe((await opened.messages())[0]!.timeMs);
      expect(await kept({ maxBytes: whole.bytes / 4 }, 'a')).toMatchObject({ messages: 2, excess: { messages: 1 } });
      expect(await kept({ maxAgeMs: 1 }, 'b')).toMatchObject({ messages: 2, excess: { messages: 2 } });
      expect(await kept({ maxMessages: 0 }, 'none')).toMatchObject({ messages: 0, oldestMs: undefined });
      expect(await opened.messages()).toHaveLength(4);
    });

    test('keeps at most one rule per category and for the whole log, and a hundred in all', async () => {
      await using opened = await open();
      const { namespaces } = opened.store;
      await keep(opened, { maxMessages: 1 });
      await keep(opened, { maxAgeMs: 5 });
      await keep(opened, { maxBytes: 7 }, 'a');
      const rules = async () => (await namespaces.find(defaultId))!.retention;
      expect(await rules()).toEqual([
        { category: undefined, limits: { maxAgeMs: 5 } },
        { category: 'a', limits: { maxBytes: 7 } },
      ]);
      for (let n = 2; n < 100; n++) await keep(opened, { maxMessages: n }, `c${n}`);
      const set = (limits: RetentionLimits | undefined, category: string) =>
        namespaces.setRetention(opened.namespace, category, limits);
      expect(await set({ maxMessages: 1 }, 'z')).toBe('too-many');
      expect(await set({ maxMessages: 1 }, 'c5')).toBe('changed');
      expect(await set(undefined, 'c6')).toBe('changed');
      expect(await rules()).toHaveLength(99);
      const none = { ...opened.namespace, ...newNamespace('none') };
      expect(await namespaces.setRetention(none, undefined, { maxMessages: 1 })).toBe('gone');
    });

    suite.test('applies to the log that replaces the current one', ['replacements'], async () => {
      await using opened = await open();
      await keep(opened, { maxMessages: 1 });
      const log = await opened.replaceBy('a-1/0@1', 'a-1/1@2');
      expect(await forgetAll(opened)).toBe(1);
      expect(await log.messages()).toHaveLength(1);
      await expectGone(opened.log, suite);
    });

    suite.test('and its deletions survive a restart', ['durability', 'reopening'], async () => {
      await using opened = await open();
      await opened.append('a-1', 5);
      await opened.append('b-1', 5);
      await keep(opened, { maxMessages: 2 }, 'a');
      await forgetAll(opened);
      const before = [
        await opened.log.bounds(),
        await opened.log.bounds(selectionOf({ streams: ['a-1'] })),
        { ...(await opened.store.usage()), forgotten: undefined },
        (await opened.store.namespaces.find(defaultId))!.retention,
        await opened.log.kept({ category: 'a', limits: {} }, nowMs),
      ];
      const reopened = await opened.reopen();
      expect([
        await reopened.log.bounds(),
        await reopened.log.bounds(selectionOf({ streams: ['a-1'] })),
        { ...(await reopened.store.usage()), forgotten: undefined },
        reopened.namespace.retention,
        await reopened.log.kept({ category: 'a', limits: {} }, nowMs),
      ]).toEqual(before);
      await reopened.append('a-1', 1);
      expect(await forgetAll(reopened)).toBe(1);
    });
  });

  suite.describe('A store without retention', [], () => {
    test.skipIf(suite.capabilities.retention)('says so', async () => {
      await using opened = await open();
      const notSupported = { code: 'NOT_SUPPORTED', details: { support: 'retention' } };
      await expect(opened.store.forget(nowMs)).rejects.toMatchObject(notSupported);
      await expect(opened.log.kept({ category: undefined, limits: {} }, nowMs)).rejects.toMatchObject(notSupported);
      const set = opened.store.namespaces.setRetention(opened.namespace, undefined, { maxMessages: 1 });
      await expect(set).rejects.toMatchObject(notSupported);
    });
  });
}
