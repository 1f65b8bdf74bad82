import fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultOf, type Outline, parseOutline } from '../../src/message/long-json.ts';
import type { NewMessage } from '../../src/message/message.ts';
import { maxMessagesPerAppend, parseNewMessages, parseNewMessagesInTurns } from '../../src/message/new-message.ts';
import { jsonText } from '../support/arbitraries.ts';
import { countTurns } from '../support/count-turns.ts';

/** Space that makes any text a long one. */
const padding = ' '.repeat(65_536);

const pieces = [
  '"',
  '\\',
  '\\u00',
  '\\uD83d',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '-',
  '0',
  '01',
  '1',
  '.',
  'e',
  'E+',
  'true',
  'nul',
  ' ',
  '\n',
  '\u0000',
  '\u00a0',
  'é',
  '\ufeff',
  '😀',
];

const everything: Outline = {
  levels: 9,
  isEmpty: () => false,
  maxMembers: Number.POSITIVE_INFINITY,
  maxElements: Number.POSITIVE_INFINITY,
};

/** JSON with some pieces put in and some characters taken out. */
const almostJson = fc
  .tuple(jsonText, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...pieces), fc.nat({ max: 2 })), { maxLength: 3 }))
  .map(([text, edits]) =>
    edits.reduce((edited, [at, piece, removed]) => {
      const place = at % (edited.length + 1);
      return edited.slice(0, place) + piece + edited.slice(place + removed);
    }, text),
  );

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('A text has no fault exactly when JSON.parse takes it.', () => {
  const anything = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(jsonText, almostJson, anything), (text) => {
      expect(faultOf(text) === -1, text).toBe(isJson(text));
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['{"a":1,}', 7],
  ['[1,2', 4],
  ['"ab', 3],
  ['[01]', 2],
  ['{"a":tru}', 5],
  ['"\\x"', 2],
  ['', 0],
  ['1 2', 2],
])('The fault of %j is at %i.', (text, at) => {
  expect(faultOf(text)).toBe(at);
});

test('Of a long text only the levels and elements are made that are asked for.', () => {
  const text = `${padding}{"x":[1],"a":[{"a":{"a":1},"x":2},"\\u0061",3,4],"b":{"c":1},"__proto__":7}`;
  expect(parseOutline(text, { ...everything, levels: 3, maxElements: 3 })).toEqual(
    JSON.parse('{"x":[1],"a":[{"a":{},"x":2},"a",3],"b":{"c":1},"__proto__":7}'),
  );
});

test('Of a long text an object gets no more members than asked for, and what shall be empty stays so.', () => {
  const text = `${padding}{"a":{"b":1},"a":[1],"b":{"c":1},"d":2,"a":3}`;
  const outline = { ...everything, isEmpty: (name: string) => name === 'a', maxMembers: 2 };
  expect(parseOutline(text, outline)).toEqual({ a: [], b: { c: 1 } });
});

test('A long text that is no JSON is refused where it is at fault.', () => {
  const parse = (text: string) => () => parseOutline(text, everything);
  expect(parse(`${padding}{"a":1,]`)).toThrow('Unexpected character at position 65543');
  expect(parse(`${padding}{"a":1`)).toThrow('Unexpected end of JSON input');
});

/** Messages, and what is nearly one. */
const bodies = fc.oneof(
  almostJson,
  fc
    .array(
      fc.record(
        {
          type: fc.oneof(fc.constant('"T"'), jsonText),
          data: fc.oneof(fc.constant('{"a":[1, 2]}'), jsonText),
          metadata: fc.oneof(fc.constant('null'), jsonText),
          id: fc.oneof(fc.constant('"0198c0de-7e57-7abc-8def-0123456789ab"'), jsonText),
          x: jsonText,
        },
        { requiredKeys: ['type', 'data'] },
      ),
      { maxLength: 3 },
    )
    .map((messages) => {
      const texts = messages.map(
        (members) => `{${Object.entries(members).map(([name, text]) => `"${name}":${text}`)}}`,
      );
      return texts.length === 1 ? texts[0]! : `[${texts}]`;
    }),
);

test('A long body gives the same messages, or the same refusal, as a short one, at once and in turns.', async () => {
  const outcome = async (body: string, parse: (body: Buffer) => NewMessage[] | Promise<NewMessage[]>) => {
    try {
      return (await parse(Buffer.from(body))).map(({ id, ...message }) =>
        message.given ? { ...message, id } : message,
      );
    } catch (error) {
      const { message } = error as Error;
      // Each has words of its own for what is no JSON, and an example of a UUID differs.
      return message.replace(/(must be JSON).*/s, '$1').replace(/such as [0-9a-f-]{36}/, '');
    }
  };
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const short = await outcome(body, parseNewMessages);
      expect(await outcome(padding + body, parseNewMessages)).toEqual(short);
      expect(await outcome(padding + body, parseNewMessagesInTurns)).toEqual(short);
    }),
    { numRuns: 500 },
  );
});

test('Half a million numbers are refused as too many messages.', () => {
  const body = Buffer.from(`[${new Array(500_000).fill('0').join()}]`);
  expect(() => parseNewMessages(body)).toThrow(`must hold at most ${maxMessagesPerAppend} messages`);
});

test('While a long body is read, other work has turns.', async () => {
  const body = Buffer.from(`{"type":"T","data":{"a":[${new Array(500_000).fill('0').join()}]}}`);
  const { turns } = await countTurns(() => parseNewMessagesInTurns(body));
  expect(turns).toBeGreaterThan(10);
});
