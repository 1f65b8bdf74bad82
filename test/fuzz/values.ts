import type { Random } from '../support/random.ts';

/** Texts that have broken servers: prototype names, line ends, lookalikes of other types, excess length. */
export const oddTexts: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'then',
  'a\r\nid: 9\r\n\r\ndata: x',
  'a\nevent: poke',
  '\u2028',
  '\u0085',
  '\ufeffa',
  '\u202eabc',
  '😀-😀+😀',
  'e\u0301',
  '\ud800',
  'a\udfff',
  '..',
  '../../etc/passwd',
  'C:\\con',
  '%00',
  '%',
  '%s%n',
  '*',
  ':stream',
  '-',
  '--',
  '+',
  'a-',
  '-a',
  'a-+',
  'a+b-c',
  'null',
  'undefined',
  'true',
  'NaN',
  '[object Object]',
  '{}',
  '[]',
  '"',
  "' or 1=1--",
  '#{7*7}',
  '<script>alert(1)</script>',
  'x'.repeat(256),
  'x'.repeat(257),
  'x'.repeat(1_024),
  'x'.repeat(1_025),
  'é'.repeat(513),
];

/** Numbers as text, few of which are integers that JavaScript represents exactly. */
export const oddNumbers: readonly string[] = [
  '',
  '0',
  '-0',
  '+0',
  '1',
  '-1',
  '-2',
  '007',
  '1.0',
  '1.5',
  '1e3',
  '1e400',
  '0x10',
  '0b1',
  '1n',
  '1_000',
  ' 5',
  '5 ',
  '5\n',
  'NaN',
  'Infinity',
  '-Infinity',
  '2147483648',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740992',
  '18446744073709551616',
  '9'.repeat(400),
  '٣',
  '５',
];

/** Valid and invalid JSON tokens. */
const oddTokens: readonly string[] = [
  'null',
  'true',
  '-0',
  '1.0',
  '1e400',
  '-1e-400',
  '123456789012345678901234567890',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u005f_proto__"',
  '"é😀"',
  '""',
  '[]',
  '{}',
  '{"":0}',
  '{"a":1,"a":2}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
];
const brokenTokens: readonly string[] = [
  'nul',
  'NaN',
  'undefined',
  '01',
  '.5',
  '1.',
  '+1',
  "'a'",
  '"a',
  '"\\x41"',
  '"\u0001"',
  '[1,]',
  '{"a"}',
  '{a:1}',
  '{"a":1,}',
  '/*c*/1',
  '\ufeff1',
];

const keys: readonly string[] = ['a', 'b', 'id', 'type', 'data', 'metadata', '__proto__', 'constructor', 'toJSON', ''];

/** A JSON value as text, mostly valid. As text, because a serializer would not produce odd spellings. */
export function jsonValue(random: Random, depth = 3): string {
  const kind = random.int(0, depth > 0 ? 9 : 5);
  if (kind <= 2) return random.pick(oddTokens);
  if (kind === 3) return JSON.stringify(random.pick(oddTexts));
  if (kind <= 5) return String(random.int(-5, 1_000));
  if (kind <= 7) return jsonObject(random, depth - 1);
  if (kind === 8) return `[${random.times(0, 4, () => jsonValue(random, depth - 1)).join(',')}]`;
  return random.chance(0.1) ? nested(random) : random.chance(0.2) ? random.pick(brokenTokens) : 'null';
}

/** A JSON object as text. */
export function jsonObject(random: Random, depth = 3): string {
  const member = () => `${JSON.stringify(random.pick(keys))}:${jsonValue(random, depth)}`;
  return `{${random.times(0, 4, member).join(random.pick([',', ',', ' ,\n']))}}`;
}

/** Nested as deeply as permitted, one level deeper, or deep enough for any stack. */
function nested(random: Random): string {
  const depth = random.pick([40, 57, 60, 61, 62, 1_000, 30_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"":[', ']}]'],
  ] as const);
  return open.repeat(depth) + (open === '{"a":' ? '1' : '') + close.repeat(random.chance(0.9) ? depth : depth - 1);
}

/** Bytes with some changed, removed, duplicated, or cut off. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let changes = random.int(1, 4); changes > 0; changes--) {
    const at = random.int(0, mutated.length);
    const until = Math.min(mutated.length, at + random.int(1, 8));
    const before = mutated.subarray(0, at);
    const piece = mutated.subarray(at, until);
    mutated = Buffer.concat(
      random.pick([
        [before, random.bytes(1), mutated.subarray(at + 1)],
        [before, mutated.subarray(until)],
        [before, piece, piece, mutated.subarray(until)],
        [before, random.bytes(random.int(1, 4)), mutated.subarray(at)],
        [before, Buffer.from(random.pick(oddTokens)), mutated.subarray(until)],
        [
          before,
          Buffer.from(random.pick(['\r\n', '\0', '"', '}', ']', ',', ':', ' ', '\u2028'])),
          mutated.subarray(at),
        ],
        random.chance(0.3) ? [before] : [mutated],
      ]),
    );
  }
  return mutated;
}

const categories: readonly string[] = ['a', 'b', 'account', 'order', 'audit0', 'audit1'];

/** Names shared by many requests, so that they find what others wrote, and odd ones. */
export function fuzzName(random: Random): string {
  return random.weighted<() => string>([
    [65, () => `${random.pick(categories)}-${random.int(0, 20)}${random.pick(['', '', '+1'])}`],
    [15, () => random.pick(categories)],
    [16, () => random.pick(oddTexts)],
    [4, () => random.bytes(6).toString('latin1')],
  ])();
}

/** A version 4 UUID. */
export function uuid(random: Random): string {
  const hex = random.bytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}
