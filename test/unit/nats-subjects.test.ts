import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { decodeKey, decodePath, encodeKey, encodePath } from '../../src/store/nats/bucket-keys.ts';
import { LogNames } from '../../src/store/nats/subjects.ts';
import { anyCharacter } from '../support/arbitraries.ts';

const names = new LogNames('shop', 'log-1' as LogId);

describe('The subject of a stream', () => {
  test.each([
    ['account-123', 'shop.log-1.account.123'],
    ['account', 'shop.log-1.account.%0'],
    ['account-', 'shop.log-1.account.%e'],
    ['-1', 'shop.log-1.%e.1'],
    ['a.b-c*>% d', 'shop.log-1.a%2Eb.c%2A%3E%25%20d'],
    ['é-😀', 'shop.log-1.é.😀'],
    ['a-%e', 'shop.log-1.a.%25e'],
  ])('of %s is %s.', (stream, subject) => {
    expect([names.subject(stream), names.streamOf(subject)]).toEqual([subject, stream]);
  });

  test('is used as it is if Pokewire did not write it.', () => {
    expect(names.streamOf('shop.log-1.a%zz.50%')).toBe('a%zz-50%');
    expect(names.streamOf('shop.log-1.alone')).toBe('-alone');
  });

  test('has three tokens after the prefix, yields the name again, and differs from that of any other name.', () => {
    const text = fc.string({ minLength: 1, unit: anyCharacter });
    fc.assert(
      fc.property(text, text, (one, two) => {
        const [first, second] = [names.subject(one), names.subject(two)];
        expect(names.streamOf(first)).toBe(one);
        expect(first.split('.')).toHaveLength(4);
        expect(first).not.toMatch(/[*>\s]/);
        expect(first === second).toBe(one === two);
      }),
    );
  });

  test('is matched by that of its category.', () => {
    expect(names.category('a.b')).toBe('shop.log-1.a%2Eb.*');
  });
});

describe('The key of a record', () => {
  test('yields its text again and contains only characters that a bucket accepts.', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decodeKey(encodeKey(text))).toBe(text);
        expect(encodeKey(text)).toMatch(/^[-_=A-Za-z0-9]+$/);
      }),
    );
  });

  test('has a token for each part of a path, and yields the path again.', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (parts) => {
        const path = parts.join('/');
        expect(decodePath(encodePath(path))).toBe(path);
        expect(encodePath(path)).toMatch(/^[-_=A-Za-z0-9]+(\.[-_=A-Za-z0-9]+)*$/);
      }),
    );
  });
});
