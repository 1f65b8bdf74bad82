import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cursorId, parseCursor, tagOf } from '../../src/sse/cursor.ts';
import { anyCharacter } from '../support/arbitraries.ts';

const epoch = '7f9c2ba4-e88f-427d-a616-5e5f5d8c9e1b';

describe('a tag', () => {
  test('is the first 12 hexadecimal digits of SHA-256 over the epoch', () => {
    expect(tagOf('abc')).toBe('ba7816bf8f01');
  });

  test('differs between epochs', () => {
    expect(tagOf(epoch)).not.toBe(tagOf('7f9c2ba4-e88f-427d-a616-5e5f5d8c9e1c'));
  });
});

describe('an id', () => {
  test('names the position and the log', () => {
    expect(cursorId(1234, '7f9c2ba4e88f')).toBe('1234-7f9c2ba4e88f');
  });

  test('is parsed when it is sent back, whatever the position and the log', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string(), (globalPosition, epoch) => {
        const tag = tagOf(epoch);
        expect(parseCursor(cursorId(globalPosition, tag))).toEqual({ globalPosition, tag });
      }),
    );
  });
});

describe('the cursor of a request', () => {
  test.each(['0', '3', '9007199254740991'])('may be a bare position, which names no log: %s', (text) => {
    expect(parseCursor(text)).toEqual({ globalPosition: Number(text), tag: undefined });
  });

  test.each([
    epoch,
    'null',
    'undefined',
    '',
    ' ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '9007199254740992',
    '9'.repeat(40),
    '1526919030474-55',
    '5-7f9c2ba4e88',
    '5-7f9c2ba4e88f0',
    '5-7F9C2BA4E88F',
    '5-7f9c2ba4e88f\n',
    '9007199254740992-7f9c2ba4e88f',
    '-7f9c2ba4e88f',
    'x'.repeat(1_000_000),
    '1'.repeat(1_000_000),
  ])('is unknown when it is none of ours: %.40s', (text) => {
    expect(parseCursor(text)).toBe('unknown');
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const claimed = parseCursor(text);
        expect(claimed === 'unknown' || Number.isSafeInteger(claimed.globalPosition)).toBe(true);
      }),
    );
  });
});
