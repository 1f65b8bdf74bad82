import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PokewireError } from '../../src/errors.ts';
import { maxMessagesPerAppend, parseNewMessages } from '../../src/message/new-message.ts';
import { maxNesting, readPayload } from '../../src/message/payload.ts';
import { jsonText } from '../support/arbitraries.ts';

const parse = (text: string) => parseNewMessages(Buffer.from(text));
const parseOne = (text: string) => parse(text)[0]!;
const dataOf = (data: string) => parseOne(`{"type":"T","data":${data}}`).data;

function refusal(text: string | Buffer | undefined): { field: unknown; message: string } {
  try {
    parseNewMessages(typeof text === 'string' ? Buffer.from(text) : text);
  } catch (error) {
    if (error instanceof PokewireError && error.code === 'INVALID_REQUEST') {
      return { field: error.details?.field, message: error.message };
    }
    throw error;
  }
  throw new Error('the body was taken');
}

describe('a payload is kept as it was written', () => {
  test.each([
    ['a number beyond 2^53', '{"n":12345678901234567890}'],
    ['a number at the end of the range of doubles', '{"n":1e308}'],
    ['minus zero', '{"n":-0}'],
    ['trailing zeros of a fraction', '{"n":1.500}'],
    ['keys in their order', '{"z":1,"a":2}'],
    ['keys that look like integers in their order', '{"10":1,"9":2,"b":3}'],
    ['equal keys', '{"a":1,"a":2}'],
    ['escapes in keys', '{"\\u0061":1}'],
    ['escapes in strings', '{"a":"\\u00e9\\/\\ud83d\\uDE00"}'],
    ['white space in strings', '{"a":" b\\t c "}'],
    ['a key named __proto__', '{"__proto__":{"a":1}}'],
    ['line separators', '{"a":"\u2028\u2029"}'],
    ['characters of all planes', '{"😀":"世\u{10ffff}"}'],
  ])('with %s', (_what, data) => {
    expect(dataOf(data)).toBe(data);
  });

  test('but for white space between tokens', () => {
    expect(dataOf('{ "a" : [ 1,\n\t2 ] }')).toBe('{"a":[1,2]}');
  });

  test('except for white space between tokens of a long text', () => {
    const text = '"two  blanks, a \\"  quote, ж"';
    const elements = new Array(20_000).fill(text);
    expect(dataOf(`{ "a" : [ ${elements.join(' , ')}\n] }`)).toBe(`{"a":[${elements.join()}]}`);
  });

  test('whatever it is', () => {
    fc.assert(
      fc.property(jsonText, jsonText, (data, metadata) => {
        const message = parseOne(`{"metadata":${metadata},"type":"T","data":${data}}`);
        expect(message.data).toBe(readPayload(data, 0, data.length, 'data'));
        expect(message.metadata).toBe(readPayload(metadata, 0, metadata.length, 'metadata'));
      }),
    );
  });

  test('up to the nesting limit', () => {
    const data = `{"a":${'['.repeat(maxNesting - 1)}${']'.repeat(maxNesting - 1)}}`;
    expect(dataOf(data)).toBe(data);
  });

  test('and refused beyond the nesting limit', () => {
    const data = `{"a":${'['.repeat(maxNesting)}${']'.repeat(maxNesting)}}`;
    expect(() => dataOf(data)).toThrow('data must not nest deeper than 60 levels');
  });
});

describe('of equal members the last one counts', () => {
  test('for data', () => {
    expect(parseOne('{"type":"T","data":{"a":1},"data":{"b":2}}').data).toBe('{"b":2}');
  });

  test('for data if the first one is not an object', () => {
    expect(parseOne('{"type":"T","data":5,"data":{"b":2}}').data).toBe('{"b":2}');
  });

  test('for a member whose name is escaped', () => {
    expect(parseOne('{"type":"T","data":{"a":1},"d\\u0061ta":{"b":2}}').data).toBe('{"b":2}');
  });

  test('for metadata if the last one is null', () => {
    expect(parseOne('{"type":"T","data":{},"metadata":{"a":1},"metadata":null}').metadata).toBeNull();
  });

  test('for metadata if the first one is null', () => {
    expect(parseOne('{"type":"T","data":{},"metadata":null,"metadata":{"a":1}}').metadata).toBe('{"a":1}');
  });

  test('for the type', () => {
    expect(parseOne('{"type":"T","type":"U","data":{}}').type).toBe('U');
  });
});

describe('a message', () => {
  test('has null metadata when none is given', () => {
    expect(parseOne('{"type":"T","data":{}}').metadata).toBeNull();
  });

  test('distinguishes an empty metadata object from none', () => {
    expect(parseOne('{"type":"T","data":{},"metadata":{}}').metadata).toBe('{}');
  });

  test('keeps the given id, in lower case', () => {
    const message = parseOne('{"id":"550E8400-E29B-41D4-A716-446655440000","type":"T","data":{}}');
    expect(message).toMatchObject({ id: '550e8400-e29b-41d4-a716-446655440000', given: true });
  });

  test('may have an id of any version and variant', () => {
    expect(parseOne('{"id":"12345678-1234-1234-1234-123456789abc","type":"T","data":{}}').given).toBe(true);
  });

  test.each(['null', '""'])('gets a version 7 id when the id is %s', (id) => {
    const message = parseOne(`{"id":${id},"type":"T","data":{}}`);
    expect(message.given).toBe(false);
    expect(message.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('gets a generated id if none is given', () => {
    const ids = parse('[{"type":"T","data":{}},{"type":"T","data":{}}]').map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  test('may be surrounded by white space', () => {
    expect(parseOne(' \r\n\t{"type":"T","data":{}} \n')).toMatchObject({ type: 'T', data: '{}' });
  });
});

describe('an array', () => {
  test('returns its messages in order', () => {
    const messages = parse(' [ {"type":"A","data":{"n":1}} , {"type":"B","data":{"n":2},"metadata":{}}]');
    expect(messages.map(({ type, data, metadata }) => [type, data, metadata])).toEqual([
      ['A', '{"n":1}', null],
      ['B', '{"n":2}', '{}'],
    ]);
  });

  test('may hold 10,000 messages', () => {
    const text = `[${Array(maxMessagesPerAppend).fill('{"type":"T","data":{}}').join()}]`;
    expect(parse(text)).toHaveLength(10_000);
  });

  test('may not hold 10,001 messages', () => {
    const text = `[${Array(maxMessagesPerAppend + 1)
      .fill('{"type":"T","data":{}}')
      .join()}]`;
    expect(refusal(text)).toEqual({
      field: 'body',
      message: 'body must hold at most 10000 messages: use several requests',
    });
  });

  test('may not be empty', () => {
    expect(refusal('[ ]')).toEqual({
      field: 'body',
      message: 'body must hold at least one message, got an empty array',
    });
  });
});

describe('a refusal names what is wrong', () => {
  test.each([
    ['no body', undefined, 'body', 'body is missing: send a message or an array of messages'],
    ['an empty body', '', 'body', 'body is missing: send a message or an array of messages'],
    ['a body that is no object', '5', 'body', 'body must be a message object, got a number'],
    ['a body that is null', 'null', 'body', 'body must be a message object, got null'],
    ['no type', '{"data":{}}', 'type', 'type must be a string, got nothing'],
    ['a type that is a number', '{"type":1,"data":{}}', 'type', 'type must be a string, got a number'],
    ['an empty type', '{"type":"","data":{}}', 'type', 'type must not be empty'],
    [
      'a control character in the type',
      '{"type":"a\\nb","data":{}}',
      'type',
      'type must not contain control characters',
    ],
    [
      'a lone surrogate in the type',
      '{"type":"\\ud800","data":{}}',
      'type',
      'type must be well-formed Unicode, but has a lone surrogate',
    ],
    ['no data', '{"type":"T"}', 'data', 'data must be an object, got nothing'],
    ['data that is null', '{"type":"T","data":null}', 'data', 'data must be an object, got null'],
    ['data that is an array', '{"type":"T","data":[]}', 'data', 'data must be an object, got an array'],
    ['data that is a string', '{"type":"T","data":"{}"}', 'data', 'data must be an object, got a string'],
    [
      'metadata that is an array',
      '{"type":"T","data":{},"metadata":[]}',
      'metadata',
      'metadata must be an object or null, got an array',
    ],
    [
      'metadata that is false',
      '{"type":"T","data":{},"metadata":false}',
      'metadata',
      'metadata must be an object or null, got a boolean',
    ],
    [
      'a number out of range',
      '{"type":"T","data":{"n":1e400}}',
      'data',
      'data has a number out of the range of doubles: 1e400',
    ],
    [
      'a lone surrogate in metadata of an element',
      '[{"type":"T","data":{},"metadata":{"a":"\\ud800"}}]',
      '[0].metadata',
      '[0].metadata must be well-formed Unicode, but has the lone surrogate \\ud800',
    ],
    [
      'an unknown member',
      '{"type":"T","data":{},"stream":"x"}',
      'stream',
      'stream is not a member of a message (id, type, data, metadata)',
    ],
    [
      'a member named __proto__',
      '{"type":"T","data":{},"__proto__":{}}',
      '__proto__',
      '__proto__ is not a member of a message (id, type, data, metadata)',
    ],
    [
      'an element that is no object',
      '[{"type":"T","data":{}},[]]',
      '[1]',
      '[1] must be a message object, got an array',
    ],
    [
      'a wrong member of an element',
      '[{"type":"T","data":{}},{"type":"T","data":1}]',
      '[1].data',
      '[1].data must be an object, got a number',
    ],
    [
      'an unknown member of an element',
      '[{"type":"T","data":{},"x":1}]',
      '[0].x',
      '[0].x is not a member of a message (id, type, data, metadata)',
    ],
  ])('for %s', (_what, text, field, message) => {
    expect(refusal(text)).toEqual({ field, message });
  });

  test.each([
    ['a number', '7', 'got a number'],
    ['an object', '{}', 'got an object'],
    ['no UUID', '"abc"', 'got "abc"'],
    ['a UUID without dashes', '"550e8400e29b41d4a716446655440000"', 'got "550e8400e29b41d4a716446655440000"'],
    ['a UUID in braces', '"{550e8400-e29b-41d4-a716-446655440000}"', 'got "{550e8400-e29b-41d4-a716-446655440000}"'],
    [
      'a UUID with a line end',
      '"550e8400-e29b-41d4-a716-446655440000\\n"',
      'got "550e8400-e29b-41d4-a716-446655440000\n"',
    ],
  ])('for an id that is %s', (_what, id, got) => {
    const { field, message } = refusal(`{"id":${id},"type":"T","data":{}}`);
    expect(field).toBe('id');
    expect(message).toMatch(/^id must be a UUID such as [0-9a-f-]{36}, got /);
    expect(message.endsWith(got)).toBe(true);
  });

  test('for an id of an element', () => {
    expect(refusal('[{"id":"x","type":"T","data":{}}]').field).toBe('[0].id');
  });

  test.each([
    '{"type":"T","data":{}',
    '{"type":"T","data":{}} x',
    "{'type':'T'}",
    '{"type":"T","data":{"a":01}}',
    '\ufeff{}',
  ])('for %j, which is no JSON', (text) => {
    expect(refusal(text)).toMatchObject({ field: 'body', message: expect.stringMatching(/^body must be JSON: /) });
  });

  test.each([
    ['a byte that never occurs', [0xff]],
    ['a cut character', [0xe4, 0xb8]],
    ['an overlong form', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('for bytes that are no UTF-8: %s', (_what, bytes) => {
    const body = Buffer.concat([Buffer.from('{"type":"T","data":{"a":"'), Buffer.from(bytes), Buffer.from('"}}')]);
    expect(refusal(body)).toEqual({ field: 'body', message: 'body must be UTF-8 text' });
  });
});
