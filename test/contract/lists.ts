import { describe, expect, test } from 'vitest';
import { namespace, type Open } from './message-store.ts';

/** In the order of their UTF-8 bytes, which is not that of their UTF-16 units. */
const ordered = [
  'A',
  'Z-1',
  'a',
  'a-1',
  'a-10',
  'a-2',
  'b',
  'z',
  'é',
  'ퟻ',
  '\ue000',
  '\uf83d\ufe00',
  '\uff21',
  '\ufffd',
  '😀',
  '😀-1',
  '\u{10ffff}',
];

const turned = [...ordered].reverse();

export function describeLists(open: Open): void {
  describe('a stream in the lists', () => {
    test('has version, count and last activity', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await opened.append('b-1');
      await opened.append('a-1');
      const last = await opened.store.readLast(namespace, 'a-1', undefined);
      const summary = { stream: 'a-1', version: 2, messageCount: 3, lastActivityMs: last!.timeMs };
      expect(await opened.store.describeStream(namespace, 'a-1')).toEqual(summary);
      expect(await opened.store.listStreams(namespace, 'a', undefined, 10)).toEqual([summary]);
    });

    test('is undefined when it has no message', async () => {
      await using opened = await open();
      await opened.append('a-1');
      const found = [
        await opened.store.describeStream(namespace, 'a'),
        await opened.store.describeStream('none', 'a-1'),
      ];
      expect(found).toEqual([undefined, undefined]);
    });
  });

  describe('the list of streams', () => {
    test('stands in the order of UTF-8 bytes', async () => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.store.listStreams(namespace, '', undefined, 100);
      expect(listed.map(({ stream }) => stream)).toEqual(ordered);
    });

    test.each([
      ['a', ['a', 'a-1', 'a-10', 'a-2']],
      ['a-1', ['a-1', 'a-10']],
      ['a-', ['a-1', 'a-10', 'a-2']],
      ['😀', ['😀', '😀-1']],
      ['\u{10ffff}', ['\u{10ffff}']],
      ['_', []],
      ['%', []],
      ['aa', []],
    ])('holds for the prefix %j exactly the names that begin with it', async (prefix, expected) => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.store.listStreams(namespace, prefix, undefined, 100);
      expect(listed.map(({ stream }) => stream)).toEqual(expected);
    });

    test.each([
      ['', 'a-1', ['a-10', 'a-2', 'b']],
      ['', 'a-11', ['a-2', 'b', 'z']],
      ['', '\uff21', ['\ufffd', '😀', '😀-1']],
      ['', '\u{10ffff}', []],
      ['a', 'A', ['a', 'a-1', 'a-10']],
      ['a', 'a-10', ['a-2']],
      ['a', 'b', []],
      ['a-', 'a', ['a-1', 'a-10', 'a-2']],
    ])('begins for prefix %j behind %j, exclusive', async (prefix, after, expected) => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.store.listStreams(namespace, prefix, after, 3);
      expect(listed.map(({ stream }) => stream)).toEqual(expected);
    });

    test.each([1, 2, 5])('holds every stream once by pages of %i', async (limit) => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const names: string[] = [];
      for (let page = ['']; page.length > 0; names.push(...page)) {
        const listed = await opened.store.listStreams(namespace, '', names.at(-1), limit);
        page = listed.map(({ stream }) => stream);
      }
      expect(names).toEqual(ordered);
    });

    test('is empty for a namespace that does not exist', async () => {
      await using opened = await open();
      await opened.append('a-1');
      expect(await opened.store.listStreams('none', '', undefined, 10)).toEqual([]);
    });
  });

  describe('the list of categories', () => {
    test('counts streams and messages, a stream without a hyphen among those of its name', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'a', 'a-1', 'a-2', 'b-1', '-1']) await opened.append(stream);
      expect(await opened.store.listCategories(namespace, undefined, 10)).toEqual([
        { category: '', streamCount: 1, messageCount: 1 },
        { category: 'a', streamCount: 3, messageCount: 4 },
        { category: 'b', streamCount: 1, messageCount: 1 },
      ]);
    });

    test('stands in the order of UTF-8 bytes', async () => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.store.listCategories(namespace, undefined, 100);
      expect(listed.map(({ category }) => category)).toEqual(
        [...new Set(ordered.map((name) => name.split('-')[0]!))].sort((a, b) =>
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        ),
      );
    });

    test.each([
      [undefined, 2, ['', 'a']],
      ['', 2, ['a', 'b']],
      ['a', 2, ['b', 'c']],
      ['aa', 1, ['b']],
      ['c', 2, []],
    ])('begins behind %j, exclusive, and holds %i at most', async (after, limit, expected) => {
      await using opened = await open();
      for (const stream of ['c-1', 'b-1', 'a-1', '-1']) await opened.append(stream);
      const listed = await opened.store.listCategories(namespace, after, limit);
      expect(listed.map(({ category }) => category)).toEqual(expected);
    });

    test('is empty for a namespace that does not exist', async () => {
      await using opened = await open();
      await opened.append('a-1');
      expect(await opened.store.listCategories('none', undefined, 10)).toEqual([]);
    });
  });
}
