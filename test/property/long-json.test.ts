import fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultOf } from '../../src/message/long-json.ts';
import type { NewMessage } from '../../src/message/message.ts';
import { parseNewMessages, parseNewMessagesInTurns } from '../../src/message/new-message.ts';
import { jsonText } from '../support/arbitraries.ts';

/** White space that makes any text long. */
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

/** JSON with some pieces inserted and some characters removed. */
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

test('A text is valid exactly when JSON.parse accepts it.', () => {
  const anything = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(jsonText, almostJson, anything), (text) => {
      expect(faultOf(text) === -1, text).toBe(isJson(text));
    }),
    { numRuns: 3_000 },
  );
});

/** Messages, and nearly valid ones. */
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

test('A long body yields the same messages, or the same refusal, as a short one, synchronously and in slices.', async () => {
  const outcome = async (body: string, parse: (body: Buffer) => NewMessage[] | Promise<NewMessage[]>) => {
    try {
      return (await parse(Buffer.from(body))).map(({ id, ...message }) =>
        message.given ? { ...message, id } : message,
      );
    } catch (error) {
      const { message } = error as Error;
      // Each parser describes invalid JSON in its own words, and an example UUID differs.
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
