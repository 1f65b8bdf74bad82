import fc from 'fast-check';
import type { Selection } from '../../src/message/selection.ts';

/** Any text, including control characters, lone surrogates and all planes; more often what breaks lines and JSON. */
export const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\r',
        '\n',
        '\0',
        '"',
        '\\',
        '\u2028',
        '\u2029',
        '\u0085',
        '\ufeff',
        ':',
        ' ',
        '-',
        '+',
        '😀',
        'é',
      ),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.integer({ min: 0x20, max: 0x7e }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 40 },
  )
  .map((units) => units.join(''));

/** A character of any plane. The same unit of fast-check takes a second to set up. */
export const anyCharacter = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((point) => String.fromCodePoint(point));

/** Text that is a valid name: well-formed, without control characters, not empty. Usually short, rarely long. */
export const nameText = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'account', '-', '+', '1', '2', '"', '\\', ' ') },
      fc.constantFrom('\uff21', '\ue000', '\ufffd', '😀', '\u{10ffff}', '世', '\u2028', 'é', 'e\u0301'),
      fc.integer({ min: 0xa0, max: 0xd7ff }).map((unit) => String.fromCharCode(unit)),
      fc.integer({ min: 0xe000, max: 0x10ffff }).map((point) => String.fromCodePoint(point)),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => parts.join(''));

/** Few streams, so that they collide: several categories, with and without ids, with equal cardinal ids. */
export const fewStreams = fc.constantFrom(
  'a-1',
  'a-2',
  'a-2+x',
  'a-3',
  'a',
  'a-',
  'b-1',
  'b-2',
  'c-1',
  'c',
  '-1',
  '😀-1',
);

/** The categories of {@link fewStreams}, and one that stays empty. */
export const fewCategories = fc.constantFrom('a', 'b', 'c', '', '😀', 'none');

/** Selections of {@link fewStreams}: all, streams, categories, mixtures, group members. */
export const selections: fc.Arbitrary<Selection> = fc.oneof(
  fc.constant<Selection>({ all: true, streams: [], categories: [], group: null, fromPosition: 0 }),
  fc.record({ stream: fewStreams, fromPosition: fc.nat({ max: 6 }) }).map(({ stream, fromPosition }) => ({
    all: false,
    streams: [stream],
    categories: [],
    group: null,
    fromPosition,
  })),
  fc
    .record({ streams: fc.uniqueArray(fewStreams), categories: fc.uniqueArray(fewCategories) })
    .filter(({ streams, categories }) => streams.length + categories.length > 0)
    .map((names) => ({ all: false, ...names, group: null, fromPosition: 0 })),
  fc
    .record({ categories: fc.uniqueArray(fewCategories, { minLength: 1 }), size: fc.integer({ min: 1, max: 4 }) })
    .chain(({ categories, size }) =>
      fc.nat({ max: size - 1 }).map((member) => ({
        all: false,
        streams: [],
        categories,
        group: { member, size },
        fromPosition: 0,
      })),
    ),
);

/** Positions, small ones and the largest. */
export const positions = fc.oneof(
  fc.nat({ max: 20 }),
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 10 ** 15, Number.MAX_SAFE_INTEGER),
);

const space = fc.constantFrom('', ' ', '\n', '\t\r\n ');
const jsonKey = fc.constantFrom('"b"', '"a"', '"2"', '"1"', '"\\u0061"', '"__proto__"', '""', '"a b"', '"data"', '"{"');

/** A JSON object as text that can be stored, with spellings that no serializer produces. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('null', 'true', '1', '-0', '1.0', '1e308', '0.1000', '12345678901234567890', '1E+2', '""'),
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u0041"', '"\\ud83D\\uDE00"', '"\\\\ud800"', '"a\\"b\\\\"', '"\\\\"', '"}]"', '" \\t "', '"😀"'),
    fc.record({ items: fc.array(tie('value'), { maxLength: 3 }), space }).map(listed('[', ']')),
    tie('object'),
  ),
  object: fc
    .record({
      items: fc.array(
        fc.record({ key: jsonKey, value: tie('value'), space }).map((m) => `${m.key}${m.space}:${m.space}${m.value}`),
        { maxLength: 4 },
      ),
      space,
    })
    .map(listed('{', '}')),
})).object;

function listed(open: string, close: string) {
  return ({ items, space }: { items: string[]; space: string }) =>
    `${open}${space}${items.join(`${space},${space}`)}${space}${close}`;
}
