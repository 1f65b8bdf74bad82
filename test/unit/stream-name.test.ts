import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkName, checkType, maxNameBytes, maxTypeBytes, StreamName } from '../../src/message/stream-name.ts';
import { anyText, nameText } from '../support/arbitraries.ts';

describe('a stream name', () => {
  test.each([
    ['account-123', 'account', '123'],
    ['account-123+x', 'account', '123'],
    ['account-123+abc+def', 'account', '123'],
    ['stream-with-many-dashes', 'stream', 'with-many-dashes'],
    ['category--leading', 'category', '-leading'],
    ['account', 'account', null],
    ['account-', 'account', ''],
    ['account-+x', 'account', ''],
    ['-x', '', 'x'],
    ['-', '', ''],
    ['a+b-c+d', 'a+b', 'c'],
    ['order-世界', 'order', '世界'],
    ['user-émile+🌍', 'user', 'émile'],
  ])('%j has category %j and cardinal id %j', (text, category, cardinalId) => {
    const name = new StreamName(text);
    expect({ text: name.text, category: name.category, cardinalId: name.cardinalId }).toEqual({
      text,
      category,
      cardinalId,
    });
  });

  test('begins with its category, a hyphen and its cardinal id whenever it has one', () => {
    fc.assert(
      fc.property(nameText, (text) => {
        const { category, cardinalId } = new StreamName(text);
        expect(category).not.toContain('-');
        expect(cardinalId ?? '').not.toContain('+');
        expect(text.startsWith(cardinalId === null ? category : `${category}-${cardinalId}`)).toBe(true);
      }),
    );
  });
});

describe('the check of a name', () => {
  test('returns the name unchanged', () => {
    fc.assert(
      fc.property(nameText, (name) => {
        expect(checkName('stream', name)).toBe(name);
      }),
    );
  });

  test('refuses an empty name', () => {
    expect(() => checkName('stream', '')).toThrow('stream must not be empty');
  });

  test.each([
    ['one byte', 'a', maxNameBytes],
    ['two bytes', 'é', maxNameBytes / 2],
    ['four bytes', '😀', maxNameBytes / 4],
  ])('takes as many characters of %s as fill 1,024 bytes', (_width, character, count) => {
    const name = character.repeat(count);
    expect(checkName('stream', name)).toBe(name);
  });

  test.each([
    ['one byte', 'a', maxNameBytes + 1],
    ['two bytes', 'é', maxNameBytes / 2 + 1],
    ['three bytes', '世', Math.floor(maxNameBytes / 3) + 1],
    ['four bytes', '😀', maxNameBytes / 4 + 1],
  ])('refuses one character of %s more than fit 1,024 bytes', (_width, character, count) => {
    expect(() => checkName('stream', character.repeat(count))).toThrow(/^stream must be at most 1024 bytes, got 10/);
  });

  test.each(['\0', '\t', '\n', '\r', '\u001f', '\u007f', '\u0085', '\u009f'])(
    'refuses the control character %j',
    (character) => {
      expect(() => checkName('stream', `a${character}b`)).toThrow('stream must not contain control characters');
    },
  );

  test.each(['\u2028', '\u2029', '\ufeff', '\u00a0', ' ', '"', '\\'])(
    'accepts %j, which is no control character',
    (character) => {
      expect(checkName('stream', `a${character}b`)).toBe(`a${character}b`);
    },
  );

  test.each(['\ud83d', '\ude00', 'a\ude00\ud83db'])('refuses the lone surrogate in %j', (name) => {
    expect(() => checkName('category', name)).toThrow('category must be well-formed Unicode, but has a lone surrogate');
  });

  test('accepts exactly the texts that are well-formed, within bounds and free of control characters', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const isName =
          text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= maxNameBytes && !/\p{Cc}/u.test(text);
        const check = () => checkName('stream', text);
        if (isName) expect(check()).toBe(text);
        else expect(check).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST', details: { field: 'stream' } }));
      }),
    );
  });
});

describe('the check of a type', () => {
  test('accepts 256 bytes', () => {
    expect(checkType('type', 't'.repeat(maxTypeBytes))).toHaveLength(256);
  });

  test('refuses 257 bytes', () => {
    expect(() => checkType('type', 't'.repeat(maxTypeBytes + 1))).toThrow('type must be at most 256 bytes, got 257');
  });

  test('refuses 86 characters of three bytes', () => {
    expect(() => checkType('type', '世'.repeat(86))).toThrow('type must be at most 256 bytes, got 258');
  });
});
