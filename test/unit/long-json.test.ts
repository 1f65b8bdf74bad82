import { expect, test } from 'vitest';
import { faultOf, type Outline, parseOutline } from '../../src/message/long-json.ts';
import { maxMessagesPerAppend, parseNewMessages, parseNewMessagesInTurns } from '../../src/message/new-message.ts';
import { countTurns } from '../support/count-turns.ts';

/** White space that makes any text long. */
const padding = ' '.repeat(65_536);

const everything: Outline = {
  levels: 9,
  isEmpty: () => false,
  maxMembers: Number.POSITIVE_INFINITY,
  maxElements: Number.POSITIVE_INFINITY,
};

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

test('Of a long text only the requested levels and elements are built.', () => {
  const text = `${padding}{"x":[1],"a":[{"a":{"a":1},"x":2},"\\u0061",3,4],"b":{"c":1},"__proto__":7}`;
  expect(parseOutline(text, { ...everything, levels: 3, maxElements: 3 })).toEqual(
    JSON.parse('{"x":[1],"a":[{"a":{},"x":2},"a",3],"b":{"c":1},"__proto__":7}'),
  );
});

test('Of a long text an object gets no more members than requested, and members excluded by the outline stay empty.', () => {
  const text = `${padding}{"a":{"b":1},"a":[1],"b":{"c":1},"d":2,"a":3}`;
  const outline = { ...everything, isEmpty: (name: string) => name === 'a', maxMembers: 2 };
  expect(parseOutline(text, outline)).toEqual({ a: [], b: { c: 1 } });
});

test('A long text that is not JSON is refused with the position of the error.', () => {
  const parse = (text: string) => () => parseOutline(text, everything);
  expect(parse(`${padding}{"a":1,]`)).toThrow('Unexpected character at position 65543');
  expect(parse(`${padding}{"a":1`)).toThrow('Unexpected end of JSON input');
});

test('Half a million numbers are refused as too many messages.', () => {
  const body = Buffer.from(`[${new Array(500_000).fill('0').join()}]`);
  expect(() => parseNewMessages(body)).toThrow(`must hold at most ${maxMessagesPerAppend} messages`);
});

test('While a long body is parsed, other work runs.', async () => {
  const body = Buffer.from(`{"type":"T","data":{"a":[${new Array(500_000).fill('0').join()}]}}`);
  const { turns } = await countTurns(() => parseNewMessagesInTurns(body));
  expect(turns).toBeGreaterThan(10);
});
