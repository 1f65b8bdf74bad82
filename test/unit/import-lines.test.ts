import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter } from '../../src/message/line-splitter.ts';

function split(pieces: readonly string[], maxBytes = 1_000): string[] {
  const splitter = new LineSplitter(maxBytes);
  const lines = pieces.flatMap((piece) => splitter.push(Buffer.from(piece)));
  return [...lines, ...splitter.end()].map(String);
}

describe('a line splitter', () => {
  test.each<[string[], string[]]>([
    [[], []],
    [[''], []],
    [['\n'], ['']],
    [['a\nb\n'], ['a', 'b']],
    [['a\nb'], ['a', 'b']],
    [['a\r\nb\r\n'], ['a', 'b']],
    [
      ['a\r', '\nb'],
      ['a', 'b'],
    ],
    [['\r\n\n\r\n'], ['', '', '']],
    [['a\rb\r\r\n'], ['a\rb\r']],
    [
      ['a', '', 'b', 'c\nd'],
      ['abc', 'd'],
    ],
    [['a\r'], ['a']],
  ])('makes of %j the lines %j', (pieces, lines) => {
    expect(split(pieces)).toEqual(lines);
  });

  test('returns the same lines however the bytes are split', () => {
    const text = fc
      .array(fc.constantFrom('a', 'é', '😀', '\n', '\r\n', '\r'), { maxLength: 30 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (whole, sizes) => {
        const bytes = Buffer.from(whole);
        const splitter = new LineSplitter(1_000);
        const lines: Buffer[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size: number = sizes.next().value ?? 1;
          lines.push(...splitter.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect([...lines, ...splitter.end()].map(String)).toEqual(split([whole]));
      }),
    );
  });

  test.each([
    [['abc\nabcd\nx\n'], ['abc']],
    [['abc\nab', 'cd'], ['abc']],
    [['abc\nab', 'cd', '\nx\n', 'y\n'], ['abc']],
  ])('stops at a line that is too long: %j', (pieces, lines) => {
    const splitter = new LineSplitter(3);
    const found = pieces.flatMap((piece) => splitter.push(Buffer.from(piece)));
    expect([found.map(String), splitter.end(), splitter.isTooLong]).toEqual([lines, [], true]);
  });

  test('does not count the line ending', () => {
    expect(split(['abc\r\nabc\nabc'], 3)).toEqual(['abc', 'abc', 'abc']);
  });
});
