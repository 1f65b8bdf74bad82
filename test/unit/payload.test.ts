import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseImportRecord } from '../../src/message/import-record.ts';
import { parseNewMessages } from '../../src/message/new-message.ts';
import { maxNesting, maxNumberLength, readPayload } from '../../src/message/payload.ts';
import { jsonText } from '../support/arbitraries.ts';

const read = (text: string) => readPayload(text, 0, text.length, 'data');
/** The start of an object with this many levels. */
const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;

describe('a payload loses the white space between its tokens and nothing else', () => {
  test.each([
    ['{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}'],
    ['{"a":"b c\\t\\" d"}', '{"a":"b c\\t\\" d"}'],
    ['{\r\n\t"z":1e308,\n"a":-0}', '{"z":1e308,"a":-0}'],
    ['{"a":" \\\\" , "b":" "}', '{"a":" \\\\","b":" "}'],
  ])('as %j, which becomes %j', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const outside = text.replace(
          /("(?:[^"\\]|\\.)*")|[ \t\r\n]+/gs,
          (_all, string: string | undefined) => string ?? '',
        );
        expect(read(text)).toBe(outside);
      }),
    );
  });
});

describe('a payload that some readers cannot decode is refused:', () => {
  test.each([
    ['1e400', 'data has a number out of the range of doubles: 1e400'],
    ['-1E309', 'data has a number out of the range of doubles: 1E309'],
    ['9'.repeat(309), `data has a number out of the range of doubles: ${'9'.repeat(64)}`],
    [`0.${'1'.repeat(maxNumberLength - 1)}`, 'data has a number longer than 1000 characters'],
    ['"\\ud800"', 'data must be well-formed Unicode, but has the lone surrogate \\ud800'],
    ['"a\\uDC00\\uD800"', 'data must be well-formed Unicode, but has the lone surrogate \\uDC00'],
    ['"\\ud83d\\u0020"', 'data must be well-formed Unicode, but has the lone surrogate \\ud83d'],
    ['"\\ud83d\\\\ude00"', 'data must be well-formed Unicode, but has the lone surrogate \\ud83d'],
    ['"\\\\\\udfff"', 'data must be well-formed Unicode, but has the lone surrogate \\udfff'],
    ['{"\\ud800":1}', 'data must be well-formed Unicode, but has the lone surrogate \\ud800'],
    [nested(maxNesting), `data must not nest deeper than ${maxNesting} levels`],
    ['{"a":'.repeat(maxNesting) + 1 + '}'.repeat(maxNesting), `data must not nest deeper than ${maxNesting} levels`],
  ])('%.40s', (value, problem) => {
    expect(() => read(`{"a":1,"b":${value}}`)).toThrow(problem);
  });

  test.each([
    '1e308',
    '-1.7976931348623157e308',
    '1e-400',
    '0e999',
    '12345678901234567890',
    '9'.repeat(308),
    `0.${'1'.repeat(maxNumberLength - 2)}`,
    '"1e400"',
    '"\\ud83d\\ude00\\uD83D\\uDE00"',
    '"\\\\ud800"',
    '"\\u0000\\ud7ff\\ue000"',
    nested(maxNesting - 1),
    `[${'[],'.repeat(100)}{}]`,
  ])('but not %.40s', (value) => {
    expect(read(`{"b":${value}}`)).toBe(`{"b":${value}}`);
  });
});

test('An append, an array and an import accept and refuse the same payloads.', () => {
  const isTaken = (parse: () => unknown) => {
    try {
      parse();
      return true;
    } catch {
      return false;
    }
  };
  const level = fc.constantFrom('[]', '{}');
  const deep = fc
    .tuple(fc.integer({ min: maxNesting - 3, max: maxNesting + 2 }), level)
    .map(([levels, [open, close]]) =>
      open === '['
        ? `{"d":${'['.repeat(levels - 1)}${close!.repeat(levels - 1)}}`
        : '{"d":'.repeat(levels) + 1 + '}'.repeat(levels),
    );
  const digits = fc.integer({ min: 295, max: 320 }).map((count) => `{"n":${'8'.repeat(count)}}`);
  const exponent = fc.integer({ min: 290, max: 330 }).map((power) => `{"n":-1.5e${power}}`);
  const escapes = fc
    .array(fc.constantFrom('\\ud83d', '\\ude00', '\\\\', 'u', '\\u0041', 'x'), { maxLength: 6 })
    .map((parts) => `{"s":"${parts.join('')}"}`);
  fc.assert(
    fc.property(fc.oneof(deep, digits, exponent, escapes, jsonText), fc.boolean(), (payload, isMetadata) => {
      const [data, metadata] = isMetadata ? ['{}', payload] : [payload, 'null'];
      const message = `{"type":"T","data":${data},"metadata":${metadata}}`;
      const record = `{"id":"1","stream":"a","type":"T","pos":0,"gpos":1,"data":${data},"meta":${metadata},"time":"2024-01-15T10:00:00Z"}`;
      const taken = isTaken(() => read(payload));
      expect(isTaken(() => parseNewMessages(Buffer.from(message)))).toBe(taken);
      expect(isTaken(() => parseNewMessages(Buffer.from(`[${message},${message}]`)))).toBe(taken);
      expect('message' in parseImportRecord(Buffer.from(record))).toBe(taken);
      if (taken) expect(isPlain(JSON.parse(payload), 1)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

/** Whether RFC 7493 permits the value, within the levels of a strict reader. */
function isPlain(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  const inside = [...Object.keys(value), ...Object.values(value)];
  return levels <= maxNesting && inside.every((part) => isPlain(part, levels + 1));
}
