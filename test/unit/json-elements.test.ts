import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonElements, jsonMember } from '../../src/cli/json-elements.ts';

test('The elements of any array are returned as they were written.', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (values, indent) => {
      const elements = jsonElements(JSON.stringify(values, undefined, indent));
      expect(elements.map((element) => JSON.parse(element))).toEqual(JSON.parse(JSON.stringify(values)));
    }),
  );
});

test('Numbers keep their digits, and strings may contain closing brackets.', () => {
  expect(jsonElements('[1.0, 12345678901234567890 ,{"a":-0}]')).toEqual(['1.0', '12345678901234567890', '{"a":-0}']);
  expect(jsonElements(String.raw`["a\"],","\\",[["]"]]]`)).toEqual([String.raw`"a\"],"`, String.raw`"\\"`, '[["]"]]']);
});

test('A member of an object is found by its name: the last one of several, and never a nested one.', () => {
  expect(jsonMember('{"a":{"b":1},"b":2.0,"c":"b:"}', 'b')).toBe('2.0');
  expect(jsonMember('{"b":1,"b":2}', 'b')).toBe('2');
  expect(jsonMember('{"a":1}', 'b')).toBeUndefined();
});
