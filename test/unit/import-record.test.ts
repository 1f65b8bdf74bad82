import { describe, expect, test } from 'vitest';
import {
  emptyExport,
  importRecord,
  lastImportRecord,
  maxImportedPosition,
  parseImportRecord,
} from '../../src/message/import-record.ts';
import { parseTime, timeText } from '../../src/message/message-time.ts';
import { messageAt } from '../support/imported-messages.ts';

const line = (members: Readonly<Record<string, unknown>>) =>
  Buffer.from(JSON.stringify({ ...JSON.parse(importRecord(messageAt('a-1/5@9'))), ...members }));

describe('a record', () => {
  test('yields the message it was made from', () => {
    const message = messageAt('a-1/5@9', { timeNanos: 1, data: '{"a":1.0,"b":"\\u0041"}', metadata: null });
    expect(parseImportRecord(Buffer.from(importRecord(message)))).toEqual({ message, end: undefined });
  });

  test.each([10, 200_000])('that ends an export has the number of records, with %i bytes of data too', (bytes) => {
    const message = messageAt('a-1/5@9', { data: `{"a":"${'x'.repeat(bytes)}"}` });
    expect(parseImportRecord(Buffer.from(lastImportRecord(message, 3_456)))).toEqual({ message, end: 3_456 });
  });

  test.each(['true', '{}', '{"records":0}', '{"records":"1"}', '{"records":1.5}', '[1]', 'null'])(
    'whose end is %s is refused',
    (end) => {
      const text = importRecord(messageAt('a-1/5@9')).replace('}\n', `,"end":${end}}\n`);
      const problem = `end must be like {"records":3456}, got ${end}`;
      expect(parseImportRecord(Buffer.from(text))).toEqual({ code: 'INVALID_RECORD', problem });
    },
  );

  test('that is the end of an export without messages yields no message', () => {
    expect(parseImportRecord(Buffer.from(emptyExport))).toEqual({ message: undefined, end: 0 });
    const spaced = ' {"note":{"end":1}, "end" : { "records" : 0 } }';
    expect(parseImportRecord(Buffer.from(spaced))).toEqual({ message: undefined, end: 0 });
  });

  test.each(['true', '{}', '{"records":1}', '{"records":-0}', '{"records":"0"}', 'null'])(
    'without a message whose end is %s is refused',
    (end) => {
      const problem = 'end must be {"records":0} in a record without a message';
      expect(parseImportRecord(Buffer.from(`{"end":${end}}`))).toEqual({ code: 'INVALID_RECORD', problem });
    },
  );

  test.each([10, 200_000])('with 101 members is refused, with %i bytes of data too', (bytes) => {
    const others = Array.from({ length: 93 }, (_, index) => `"x${index}":0`).join();
    const text = importRecord(messageAt('a-1/5@9', { data: `{"a":"${'x'.repeat(bytes)}"}` }));
    const problem = 'the line must have at most 100 members';
    expect(parseImportRecord(Buffer.from(text.replace('}\n', `,${others}}\n`)))).toEqual({
      code: 'INVALID_RECORD',
      problem,
    });
    const oneLess = others.replace('"x0":0,', '');
    expect(parseImportRecord(Buffer.from(text.replace('}\n', `,${oneLess}}\n`)))).toHaveProperty('message');
  });

  test('names meta if that is invalid', () => {
    const text = importRecord(messageAt('a-1/5@9', { metadata: '{"n":1e400}' }));
    const problem = 'meta has a number out of the range of doubles: 1e400';
    expect(parseImportRecord(Buffer.from(text))).toEqual({ code: 'INVALID_RECORD', problem });
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['null data is an empty object', { data: null }, { data: '{}' }],
    ['missing data is an empty object', { data: undefined }, { data: '{}' }],
    ['missing meta is null', { meta: undefined }, { metadata: null }],
    [
      'a UUID is kept in lower case',
      { id: '0000000A-0000-4000-8000-00000000000F' },
      { id: '0000000a-0000-4000-8000-00000000000f' },
    ],
    ['an id that is none is kept as it is', { id: 'A b' }, { id: 'A b' }],
    ['the largest positions are taken', { pos: maxImportedPosition, gpos: maxImportedPosition }, { position: 2 ** 52 }],
  ])('%s', (_what, members, expected) => {
    expect(parseImportRecord(line(members))).toMatchObject({ message: expected });
  });

  test('uses the last of equal members', () => {
    const text = importRecord(messageAt('a-1/5@9')).replace('"meta":', '"data":null,"data":{"b":2},"meta":{},"meta":');
    expect(parseImportRecord(Buffer.from(text))).toMatchObject({ message: { data: '{"b":2}', metadata: '{}' } });
  });

  test('reads no member from a prototype', () => {
    const text = '{"__proto__":{"id":"1","stream":"a","type":"T","pos":0,"gpos":1,"time":"2024-01-15T10:00:00Z"}}';
    expect(parseImportRecord(Buffer.from(text))).toMatchObject({ code: 'INVALID_RECORD' });
  });

  test.each([
    ['nests too deep', `{"a":${'['.repeat(60)}${']'.repeat(60)}}`, 'data must not nest deeper than 60 levels'],
    ['has a number out of range', '{"n":1e400}', 'data has a number out of the range of doubles: 1e400'],
    ['has a lone surrogate', '{"a":"\\ud800"}', 'data must be well-formed Unicode, but has the lone surrogate \\ud800'],
  ])('whose data %s is refused', (_what, data, problem) => {
    const text = importRecord(messageAt('a-1/5@9', { data }));
    expect(parseImportRecord(Buffer.from(text))).toEqual({ code: 'INVALID_RECORD', problem });
  });
});

describe('a time', () => {
  test.each([
    ['2024-01-15T10:00:00Z', '2024-01-15T10:00:00.000Z'],
    ['2024-01-15t10:00:00z', '2024-01-15T10:00:00.000Z'],
    ['2024-01-15T10:00:00.1Z', '2024-01-15T10:00:00.100Z'],
    ['2024-01-15T10:00:00.1234Z', '2024-01-15T10:00:00.123400Z'],
    ['2024-01-15T10:00:00.000000001Z', '2024-01-15T10:00:00.000000001Z'],
    ['2024-02-29T23:59:59.999999999-23:59', '2024-03-01T23:58:59.999999999Z'],
    ['2024-01-15T10:00:00+05:30', '2024-01-15T04:30:00.000Z'],
    ['1969-12-31T23:59:59.000001Z', '1969-12-31T23:59:59.000001Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
  ])('%s is %s', (text, normal) => {
    expect(timeText(parseTime(text)!)).toBe(normal);
  });

  test.each([
    '',
    '2024-01-15',
    '2024-01-15 10:00:00Z',
    '2024-01-15T10:00:00',
    '2024-01-15T10:00Z',
    '2024-02-30T10:00:00Z',
    '2023-02-29T10:00:00Z',
    '2024-13-01T10:00:00Z',
    '2024-01-15T24:00:00Z',
    '2024-01-15T10:00:60Z',
    '2024-01-15T10:00:00.Z',
    '2024-01-15T10:00:00.1234567890Z',
    '2024-01-15T10:00:00+24:00',
    '2024-01-15T10:00:00+01:60',
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+002024-01-15T10:00:00Z',
    ' 2024-01-15T10:00:00Z',
  ])('"%s" is none', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});
