import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { ImportOutcome } from '../../src/store/message-store.ts';
import { everything, newMessage, newMessages, selectionOf, uuid } from '../support/fake-messages.ts';
import { messageAt, messagesAt } from '../support/imported-messages.ts';
import { namespace, type Open, type OpenedStore, textOf } from './message-store.ts';

/** Imports batch by batch; resolves to the outcome of each. */
async function importInto(
  { store }: OpenedStore,
  batches: readonly (readonly Message[])[],
  replace = false,
): Promise<ImportOutcome[]> {
  const session = await store.beginImport(namespace, { replace });
  const outcomes = [];
  for (const batch of batches) outcomes.push(await session.add(batch));
  expect(await session.commit()).toEqual({ outcome: 'committed' });
  return outcomes;
}

const imported = { outcome: 'imported' };
const placesOf = (messages: readonly Message[]) =>
  messages.map(({ stream, position, globalPosition }) => `${stream}/${position}@${globalPosition}`);

/** Pokes that are announced from now on. */
function listen({ store }: OpenedStore): string[] {
  const told: string[] = [];
  store.watch((_namespace, poke) => told.push(textOf(poke)));
  return told;
}

export function describeImports(open: Open): void {
  describe('an import', () => {
    test('keeps every field as it was given, also an id that is no UUID and the nanoseconds of its time', async () => {
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
      expect(await opened.log()).toEqual([message, plain]);
      expect(await opened.store.readLast(namespace, 'account-1+x', undefined)).toEqual(message);
    });

    test('of nothing changes nothing', async () => {
      await using opened = await open();
      expect(await importInto(opened, [[]])).toEqual([imported]);
      expect([(await opened.store.extent(namespace)).head, await opened.log()]).toEqual([0, []]);
    });

    test('keeps gaps in stream positions, and every read by position knows them', async () => {
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
      const page = await opened.store.readStream(namespace, 'a-1', { position: 0 }, 2);
      expect(page.next).toBe(7);
      expect(await opened.store.version(namespace, 'a-1')).toBe(7);
      expect(await opened.store.describeStream(namespace, 'a-1')).toMatchObject({ version: 7, messageCount: 3 });
      for (const [fromPosition, expected] of [
        [1, ['a-1/2@10', 'a-1/3@20', 'a-1/7@30']],
        [4, ['a-1/7@30']],
        [8, []],
      ] as const) {
        expect(await opened.pokes(selectionOf({ streams: ['a-1'], fromPosition }))).toEqual(expected);
      }
    });

    test('keeps gaps in global positions, and reads from within one begin behind it', async () => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/0@10', 'a-1/1@20')]);
      expect(placesOf(await opened.log({}, 11))).toEqual(['a-1/1@20']);
      expect(placesOf(await opened.stream('a-1', { globalPosition: 11 }))).toEqual(['a-1/1@20']);
      expect(await opened.pokes(everything, 10)).toEqual(['a-1/1@20']);
    });

    test('lets the next append go behind every position', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await importInto(opened, [messagesAt('a-1/5@999', 'b-1/9@500')]);
      expect((await opened.store.extent(namespace)).head).toBe(999);
      const append = (stream: string, expected?: number) =>
        opened.store.append(namespace, stream, newMessages(1), expected);
      expect([await append('a-1', 5), await append('b-1', 9), await append('c-1', -1)]).toEqual([
        { outcome: 'appended', position: 6, globalPosition: 1000 },
        { outcome: 'appended', position: 10, globalPosition: 1001 },
        { outcome: 'appended', position: 0, globalPosition: 1002 },
      ]);
      expect(placesOf(await opened.stream('a-1'))).toEqual(['a-1/0@1', 'a-1/1@2', 'a-1/5@999', 'a-1/6@1000']);
    });

    test('takes the messages of a batch in any order', async () => {
      await using opened = await open();
      const batch = messagesAt('b-1/4@9', 'a-1/1@5', 'c-1/0@7', 'a-1/0@1', 'b-1/0@3');
      expect(await importInto(opened, [batch])).toEqual([imported]);
      const log = ['a-1/0@1', 'b-1/0@3', 'a-1/1@5', 'c-1/0@7', 'b-1/4@9'];
      expect(placesOf(await opened.log())).toEqual(log);
      expect(await opened.pokes(everything)).toEqual(log);
    });

    test('takes batches that lie before, among and behind what is there', async () => {
      await using opened = await open();
      const batches = [
        messagesAt('a-1/10@100', 'b-1/10@110', 'a-1/12@120'),
        messagesAt('a-1/2@20', 'c-1/0@30', 'b-1/1@10'),
        messagesAt('a-1/11@115', 'b-1/30@300', 'a-2/0@25', 'b-1/2@40'),
      ];
      const messages = batches.flat().toSorted((one, other) => one.globalPosition - other.globalPosition);
      expect(await importInto(opened, batches)).toEqual([imported, imported, imported]);
      expect(await opened.log()).toEqual(messages);
      for (const stream of ['a-1', 'a-2', 'b-1', 'c-1']) {
        const expected = messages.filter((message) => message.stream === stream);
        expect(await opened.stream(stream)).toEqual(expected);
        expect(await opened.stream(stream, { globalPosition: 25 }, 1)).toEqual(
          expected.filter(({ globalPosition }) => globalPosition >= 25),
        );
        expect(await opened.pokes(selectionOf({ streams: [stream] }))).toEqual(placesOf(expected));
        expect(await opened.store.readLast(namespace, stream, undefined)).toEqual(expected.at(-1));
      }
      const ofCategory = messages.filter(({ stream }) => stream.startsWith('a-'));
      expect(await opened.log({ category: 'a' })).toEqual(ofCategory);
      expect(await opened.pokes(selectionOf({ categories: ['a'] }), 20, 2)).toEqual(placesOf(ofCategory.slice(1)));
      expect(await opened.store.listCategories(namespace, undefined, 10)).toEqual([
        { category: 'a', streamCount: 2, messageCount: 5 },
        { category: 'b', streamCount: 1, messageCount: 4 },
        { category: 'c', streamCount: 1, messageCount: 1 },
      ]);
    });

    test('keeps large payloads and times in their places when messages come before them', async () => {
      await using opened = await open();
      const large = (place: string, timeNanos: number) =>
        messageAt(place, { data: `{"a":"${place.repeat(300)}"}`, timeNanos });
      const behind = Array.from({ length: 700 }, (_value, index) =>
        large(`a-1/${index + 700}@${index + 5_000}`, index),
      );
      const before = Array.from({ length: 700 }, (_value, index) => large(`a-1/${index}@${index * 2 + 1}`, index % 3));
      await importInto(opened, [behind, before]);
      expect(await opened.log()).toEqual([...before, ...behind]);
    });

    test('lets a writer repeat an append, before and behind what was imported', async () => {
      await using opened = await open();
      const messages = [newMessage({ id: uuid(1) }), newMessage({ id: uuid(2) })];
      await importInto(opened, [messagesAt('b-1/0@50')]);
      await opened.append('a-1', messages);
      await importInto(opened, [messagesAt('b-2/0@1', 'b-2/1@40')]);
      const known = { outcome: 'known', position: 1, globalPosition: 52 };
      expect(await opened.store.append(namespace, 'a-1', messages, undefined)).toEqual(known);
    });

    test('is counted like what was appended', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      const { bytes } = await opened.store.usage();
      const copy = messageAt('b-1/0@2', { id: uuid(2), type: message.type, data: '{}', metadata: null });
      await importInto(opened, [[copy]]);
      expect(await opened.store.usage()).toMatchObject({ messages: 2, streams: 2, bytes: bytes * 2 });
      expect(await opened.store.describeLog(namespace)).toEqual({
        messages: 2,
        streams: 2,
        lastActivityMs: copy.timeMs,
      });
    });

    test('lets no append be earlier than the last message', async () => {
      await using opened = await open();
      const timeMs = Date.now() + 3_600_000;
      await importInto(opened, [[messageAt('a-1/0@1', { timeMs })]]);
      await opened.append('a-1');
      expect((await opened.log()).map((message) => message.timeMs)).toEqual([timeMs, timeMs]);
    });
  });

  describe('a batch of an import', () => {
    test.each<[string, string[], Partial<Message>, ImportOutcome]>([
      ['an id of the log', ['x-1/0@50'], { id: 'id 2' }, { outcome: 'position-exists', index: 2, field: 'id' }],
      ['an id of the batch', ['x-1/0@50'], { id: 'id 40' }, { outcome: 'position-exists', index: 2, field: 'id' }],
      [
        'a global position of the log',
        ['x-1/0@2'],
        { id: 'new' },
        { outcome: 'position-exists', index: 2, field: 'globalPosition' },
      ],
      [
        'one of the batch',
        ['x-1/0@41'],
        { id: 'new' },
        { outcome: 'position-exists', index: 2, field: 'globalPosition' },
      ],
      ['a stream position of the log', ['a-1/4@50'], {}, { outcome: 'position-exists', index: 2, field: 'position' }],
      ['one of the batch', ['b-1/8@50'], {}, { outcome: 'position-exists', index: 2, field: 'position' }],
      ['a lower stream position behind the log', ['a-1/3@50'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a higher one before it', ['a-1/5@3'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a lower one behind the batch', ['b-1/7@50'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a higher one before the batch', ['b-1/9@39'], {}, { outcome: 'out-of-order', index: 2 }],
    ])('with %s is refused as a whole, and says which message is at fault', async (_what, [place], parts, outcome) => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/0@2', 'a-1/4@4')]);
      const [usage, log, told] = [await opened.store.usage(), await opened.log(), listen(opened)];
      const batch = [...messagesAt('b-1/8@40', 'c-1/0@41'), messageAt(place!, parts), ...messagesAt('c-1/1@60')];
      expect(await importInto(opened, [batch])).toEqual([outcome]);
      expect([await opened.store.usage(), await opened.log(), (await opened.store.extent(namespace)).head]).toEqual([
        usage,
        log,
        4,
      ]);
      expect(await opened.stream('b-1')).toEqual([]);
      await opened.append('d-1');
      await expect.poll(() => told).toEqual(['d-1/0@5']);
    });

    test('that is refused leaves those before and behind it', async () => {
      await using opened = await open();
      const outcomes = await importInto(opened, [
        messagesAt('a-1/0@1'),
        messagesAt('b-1/0@2', 'b-1/1@1'),
        messagesAt('c-1/0@3'),
      ]);
      expect(outcomes).toEqual([imported, { outcome: 'position-exists', index: 1, field: 'id' }, imported]);
      expect(placesOf(await opened.log())).toEqual(['a-1/0@1', 'c-1/0@3']);
    });

    test('that goes past the limit is refused as a whole', async () => {
      await using opened = await open({ maxBytes: 10_000 });
      await opened.append('a-1');
      const usage = await opened.store.usage();
      const data = `{"a":"${'x'.repeat(6_000)}"}`;
      const outcomes = await importInto(opened, [[messageAt('b-1/0@2', { data }), messageAt('b-1/1@3', { data })]]);
      expect(outcomes).toEqual([{ outcome: 'full', bytes: usage.bytes, maxBytes: 10_000 }]);
      expect([await opened.store.usage(), await opened.stream('b-1')]).toEqual([usage, []]);
    });

    test('can be read as soon as it was added', async () => {
      await using opened = await open();
      const session = await opened.store.beginImport(namespace, { replace: false });
      await session.add(messagesAt('a-1/0@1'));
      expect(placesOf(await opened.log())).toEqual(['a-1/0@1']);
      await session.abort();
      expect(placesOf(await opened.log())).toEqual(['a-1/0@1']);
    });
  });

  describe('a watcher', () => {
    test('is told of what is imported behind the head, in global order', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const told = listen(opened);
      await importInto(opened, [messagesAt('b-1/1@30', 'b-1/0@20'), messagesAt('c-1/0@10', 'b-1/2@40')]);
      await opened.append('a-1');
      await expect.poll(() => told).toEqual(['b-1/0@20', 'b-1/1@30', 'b-1/2@40', 'a-1/3@41']);
    });

    test('is told of what a replacement holds behind the head, when it can be read', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const told = listen(opened);
      const session = await opened.store.beginImport(namespace, { replace: true });
      await session.add(messagesAt('b-1/0@2', 'b-1/1@5', 'b-1/2@7'));
      await opened.append('a-1');
      await session.commit();
      await opened.append('c-1');
      await expect.poll(() => told).toEqual(['a-1/3@4', 'b-1/1@5', 'b-1/2@7', 'c-1/0@8']);
    });
  });

  describe('a replacement', () => {
    test('is not seen before it is committed, and takes the place of everything then', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const session = await opened.store.beginImport(namespace, { replace: true });
      expect(await session.add(messagesAt('b-1/0@1', 'a-1/7@9'))).toEqual(imported);
      expect(placesOf(await opened.log())).toEqual(['a-1/0@1', 'a-1/1@2']);
      expect(await opened.store.describeStream(namespace, 'b-1')).toBeUndefined();
      expect(await session.commit()).toEqual({ outcome: 'committed' });
      expect(placesOf(await opened.log())).toEqual(['b-1/0@1', 'a-1/7@9']);
      expect(await opened.store.listStreams(namespace, '', undefined, 10)).toMatchObject([
        { stream: 'a-1', version: 7, messageCount: 1 },
        { stream: 'b-1', version: 0, messageCount: 1 },
      ]);
    });

    test('may repeat ids and positions of the log that it replaces, but not its own', async () => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/0@1', 'a-1/1@2')]);
      const batches = [messagesAt('a-1/0@1', 'a-1/1@2'), messagesAt('a-1/2@2')];
      expect(await importInto(opened, batches, true)).toEqual([
        imported,
        { outcome: 'position-exists', index: 0, field: 'id' },
      ]);
    });

    test('that is aborted leaves the log, and gives its room back', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const [usage, log] = [await opened.store.usage(), await opened.log()];
      const session = await opened.store.beginImport(namespace, { replace: true });
      await session.add(messagesAt('b-1/0@1'));
      await session.add(messagesAt('b-1/0@1'));
      await session.abort();
      await session.abort();
      expect([await opened.store.usage(), await opened.log()]).toEqual([usage, log]);
    });

    test('shares the limit with the log that it is to replace, whose room is free afterwards', async () => {
      await using opened = await open({ maxBytes: 10_000 });
      const data = `{"a":"${'x'.repeat(5_000)}"}`;
      await opened.append('a-1', [newMessage({ data })]);
      const session = await opened.store.beginImport(namespace, { replace: true });
      expect((await session.add([messageAt('b-1/0@1', { data })])).outcome).toBe('full');
      expect((await session.add([messageAt('b-1/0@1')])).outcome).toBe('imported');
      await session.commit();
      expect((await opened.store.append(namespace, 'c-1', [newMessage({ data })], undefined)).outcome).toBe('appended');
    });

    test('by nothing empties the log, which goes on behind its last global position', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      await importInto(opened, [], true);
      expect([await opened.log(), (await opened.store.extent(namespace)).head]).toEqual([[], 3]);
      expect(await opened.store.describeLog(namespace)).toEqual({
        messages: 0,
        streams: 0,
        lastActivityMs: undefined,
      });
      expect(await opened.store.usage()).toMatchObject({ messages: 0, streams: 0, bytes: 0 });
      expect(await opened.pokes(everything)).toEqual([]);
      const outcome = await opened.store.append(namespace, 'a-1', newMessages(1), -1);
      expect(outcome).toEqual({ outcome: 'appended', position: 0, globalPosition: 4 });
    });

    test('by a shorter log does not take the head back, and reads reach it', async () => {
      await using opened = await open();
      await opened.append('a-1', 5);
      await importInto(opened, [messagesAt('b-1/0@2')], true);
      const page = await opened.store.readPokes(namespace, everything, 0, 10);
      expect([page.pokes.length, page.upTo, page.atEnd]).toEqual([1, 5, true]);
      page.release();
      await opened.append('b-1');
      expect(placesOf(await opened.log())).toEqual(['b-1/0@2', 'b-1/1@6']);
    });

    test('leaves other namespaces alone', async () => {
      await using opened = await open();
      await opened.append('a-1', 2, 'other');
      await importInto(opened, [messagesAt('b-1/0@1')], true);
      expect((await opened.store.extent('other')).head).toBe(2);
    });
  });

  describe('a search for the last message, while an import puts others before it,', () => {
    const stream = 'a-1';
    const size = 2;
    const member = new StreamName(stream).owner(size);
    const ofOthers = Array.from({ length: 9 }, (_value, n) => `a-${n}`).find(
      (name) => new StreamName(name).owner(size) !== member,
    )!;

    /** A log whose one message of a type, and of a member, is followed by many others, and preceded by room. */
    async function openLong(following: string): Promise<OpenedStore> {
      const opened = await open();
      await importInto(opened, [[...messagesAt('a-1/0@1'), messageAt('a-1/10@10', { type: 'Wanted' })]]);
      // About as many as a store may look at without a pause.
      await opened.append(following, 8_192);
      return opened;
    }

    const importBefore = ({ store }: OpenedStore) =>
      store.beginImport(namespace, { replace: false }).then((session) => session.add(messagesAt('a-1/5@5')));

    test('finds that of a type', async () => {
      await using opened = await openLong(stream);
      const found = opened.store.readLast(namespace, stream, 'Wanted');
      expect(await importBefore(opened)).toEqual(imported);
      expect((await found)?.globalPosition).toBe(10);
    });

    test('finds that of the member of a group', async () => {
      await using opened = await openLong(ofOthers);
      const selection = selectionOf({ categories: ['a'], group: { member, size } });
      const found = opened.store.lastOf(namespace, selection, 0);
      expect(await importBefore(opened)).toEqual(imported);
      expect((await found).globalPosition).toBe(10);
    });
  });

  describe('a namespace that is dropped', () => {
    test.each([false, true])('takes no more of an import; replacing: %s', async (replace) => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const session = await opened.store.beginImport(namespace, { replace });
      await session.add(messagesAt('b-1/0@7'));
      expect((await opened.store.drop(namespace)).messages).toBe(replace ? 2 : 3);
      expect(await session.add(messagesAt('b-1/1@8'))).toEqual({ outcome: 'dropped' });
      if (replace) expect(await session.commit()).toEqual({ outcome: 'dropped' });
      else await session.abort();
      expect([await opened.log(), await opened.store.usage()]).toMatchObject([[], { messages: 0, bytes: 0 }]);
    });
  });
}
