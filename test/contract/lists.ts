import { describe, expect, test } from 'vitest';
import type { Suite } from './suite.ts';

/** In order of UTF-8 bytes, which differs from that of UTF-16 units. */
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

export function describeLists({ open, describe: describeWhere, count, listed: inOrder }: Suite): void {
  describe('a stream in the lists', () => {
    test('has version, count and last activity', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      await opened.append('b-1');
      await opened.append('a-1');
      const last = await opened.log.readLast('a-1', undefined);
      const summary = { stream: 'a-1', version: 2, messageCount: count(3), lastActivityMs: last!.timeMs };
      expect(await opened.log.describeStream('a-1')).toEqual(summary);
      expect(await opened.log.listStreams('a', undefined, 10)).toEqual([summary]);
    });

    test('is undefined when it has no message', async () => {
      await using opened = await open();
      await opened.append('a-1');
      expect(await opened.log.describeStream('a')).toBeUndefined();
    });
  });

  describe('the list of streams', () => {
    test('holds every stream once, in the order of the store', async () => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.log.listStreams('', undefined, 100);
      expect(inOrder(listed.map(({ stream }) => stream))).toEqual(ordered);
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
      const listed = await opened.log.listStreams(prefix, undefined, 100);
      expect(inOrder(listed.map(({ stream }) => stream))).toEqual(expected);
    });

    test.each([1, 2, 5])('holds every stream once by pages of %i', async (limit) => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const names: string[] = [];
      for (let page = ['']; page.length > 0; names.push(...page)) {
        const listed = await opened.log.listStreams('', names.at(-1), limit);
        page = listed.map(({ stream }) => stream);
      }
      expect(inOrder(names)).toEqual(ordered);
    });
  });

  describe('the list of categories', () => {
    test('counts streams and messages, and assigns a stream without a hyphen to the category of its name', async () => {
      await using opened = await open();
      for (const stream of ['a-1', 'a', 'a-1', 'a-2', 'b-1', '-1']) await opened.append(stream);
      const listed = await opened.log.listCategories(undefined, 10);
      const byName = new Map(listed.map((summary) => [summary.category, summary]));
      expect(inOrder([...byName.keys()]).map((category) => byName.get(category))).toEqual([
        { category: '', streamCount: count(1), messageCount: count(1) },
        { category: 'a', streamCount: count(3), messageCount: count(4) },
        { category: 'b', streamCount: count(1), messageCount: count(1) },
      ]);
    });

    test('holds every category once, in the order of the store', async () => {
      await using opened = await open();
      for (const stream of turned) await opened.append(stream);
      const listed = await opened.log.listCategories(undefined, 100);
      expect(inOrder(listed.map(({ category }) => category))).toEqual(
        [...new Set(ordered.map((name) => name.split('-')[0]!))].sort((a, b) =>
          Buffer.compare(Buffer.from(a), Buffer.from(b)),
        ),
      );
    });
  });

  describeWhere('a page of the list of streams', ['UTF-8 order'], () => {
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
      const listed = await opened.log.listStreams(prefix, after, 3);
      expect(listed.map(({ stream }) => stream)).toEqual(expected);
    });
  });

  describeWhere('a page of the list of categories', ['UTF-8 order'], () => {
    test.each([
      [undefined, 2, ['', 'a']],
      ['', 2, ['a', 'b']],
      ['a', 2, ['b', 'c']],
      ['aa', 1, ['b']],
      ['c', 2, []],
    ])('begins behind %j, exclusive, and holds %i at most', async (after, limit, expected) => {
      await using opened = await open();
      for (const stream of ['c-1', 'b-1', 'a-1', '-1']) await opened.append(stream);
      const listed = await opened.log.listCategories(after, limit);
      expect(listed.map(({ category }) => category)).toEqual(expected);
    });
  });
}
