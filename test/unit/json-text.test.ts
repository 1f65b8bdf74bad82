import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findMember, walkElements, walkMembers } from '../../src/message/json-text.ts';
import { readPayload } from '../../src/message/payload.ts';
import { sameJson } from '../../src/message/same-json.ts';
import { jsonText } from '../support/arbitraries.ts';

function membersOf(text: string): [string, string][] {
  const members: [string, string][] = [];
  walkMembers(text, 0, (key, from, to) => members.push([key, text.slice(from, to)]));
  return members;
}

describe('finding a member of an object', () => {
  test.each([
    ['{"a":1,"name":2}', 14],
    ['{"name":1,"name":2}', 17],
    ['{"n\\u0061me":1}', 13],
    ['{"a":{"name":1}}', -1],
    ['{"nam\\"e":1,"names":2}', -1],
    ['{}', -1],
  ])('gives where the value of the last one of that name begins in %s', (text, at) => {
    expect(findMember(text, 0, 'name')).toBe(at);
  });
});

describe('walking the members of an object', () => {
  test('passes each key with the text of its value', () => {
    expect(membersOf('{"a":1,"b":[1,{"c":2}],"d":"x"}')).toEqual([
      ['a', '1'],
      ['b', '[1,{"c":2}]'],
      ['d', '"x"'],
    ]);
  });

  test('passes nothing for an empty object', () => {
    expect(membersOf('{ \n }')).toEqual([]);
  });

  test('omits white space around tokens', () => {
    expect(membersOf(' {"a" \t:\r\n 1 , "b":\n"y" }'.trimStart())).toEqual([
      ['a', '1'],
      ['b', '"y"'],
    ]);
  });

  test('passes equal members each time they occur', () => {
    expect(membersOf('{"a":1,"a":2}')).toEqual([
      ['a', '1'],
      ['a', '2'],
    ]);
  });

  test('decodes escapes in keys', () => {
    expect(membersOf('{"\\u0061\\"\\\\":1}')).toEqual([['a"\\', '1']]);
  });

  test('is not confused by quotes, braces and backslashes in strings', () => {
    expect(membersOf('{"a":"}\\"]\\\\","b":["\\\\\\"{"]}')).toEqual([
      ['a', '"}\\"]\\\\"'],
      ['b', '["\\\\\\"{"]'],
    ]);
  });

  test('returns the index after the object', () => {
    const text = '{"a":{}} tail';
    expect(text.slice(walkMembers(text, 0, () => {}))).toBe(' tail');
  });

  test('passes texts that parse to the values of the object, whatever it is', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const walked = Object.fromEntries(membersOf(text).map(([key, value]) => [key, JSON.parse(value)]));
        expect(walked).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('walking the elements of an array', () => {
  test('visits each at its first character', () => {
    const text = '[ {"a":1} ,{"b":2}]';
    const seen: number[] = [];
    walkElements(text, 0, (at) => {
      seen.push(at);
      return walkMembers(text, at, () => {});
    });
    expect(seen).toEqual([2, 11]);
  });
});

describe('two texts are the same JSON value', () => {
  test.each([
    ['{"a":1,"b":2}', '{"b":2,"a":1}'],
    ['{"a":"\\u0041"}', '{"a":"A"}'],
    ['{"a":[1,{"x":1,"y":2}]}', '{"a":[1,{"y":2,"x":1}]}'],
    ['{"a":0,"a":1}', '{"a":1}'],
    ['{"__proto__":{"a":1}}', '{"\\u005f_proto__":{"a":1}}'],
  ])('when they are %j and %j', (a, b) => {
    expect(sameJson(a, b)).toBe(true);
  });

  test.each([
    ['{"a":1}', '{"a":1.0}'],
    ['{"a":12345678901234567890}', '{"a":12345678901234567891}'],
    ['{"a":1e400}', '{"a":1e401}'],
    ['{"a":0}', '{"a":-0}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":[]}', '{"a":{}}'],
    ['{"a":["x"]}', '{"a":{"0":"x"}}'],
    ['{"a":1}', '{"a":{"source":"1"}}'],
    ['{"a":null}', '{}'],
    ['{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}'],
    ['{"__proto__":{}}', '{}'],
    ['[1,2]', '[1]'],
    ['{"a":1,"a":2}', '{"a":2,"a":1}'],
    ['"a"', '"\\u0062"'],
  ])('but not when they are %j and %j', (a, b) => {
    expect(sameJson(a, b)).toBe(false);
  });

  test('when both are null', () => {
    expect(sameJson(null, null)).toBe(true);
  });

  test('but not when only one is null', () => {
    expect([sameJson(null, '{}'), sameJson('{}', null)]).toEqual([false, false]);
  });

  test('when one is the compact form of the other', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        expect(sameJson(text, readPayload(text, 0, text.length, 'data'))).toBe(true);
      }),
    );
  });
});
