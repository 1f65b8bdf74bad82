import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventStreamParser, type StreamEvent } from '../../src/client/event-stream.ts';
import { EventStreamParser as StandardParser } from '../support/sse-client.ts';

const word = fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => text.replace(/[\r\n]/g, ''));
const line = fc.oneof(
  fc.constantFrom(
    '',
    '',
    ':',
    ': ready',
    'data',
    'data:',
    'data: ',
    'data:  two',
    'id',
    'id:',
    'event',
    'retry: 7',
    'retry: x',
  ),
  fc
    .tuple(fc.constantFrom('data:', 'data: ', 'event: ', 'id: ', 'id:', 'retry: ', 'other: ', ''), word)
    .map((parts) => parts.join('')),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\n', '\r\n', '\r')), { maxLength: 30 })
  .map((lines) => lines.flat().join(''));
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 40 });

/** Parses these bytes in pieces that end at the cuts. */
function parse(bytes: Uint8Array, at: readonly number[]): StreamEvent[] {
  const parser = new EventStreamParser();
  const ends = [...new Set([...at, bytes.length])].filter((end) => end <= bytes.length).sort((a, b) => a - b);
  return ends.flatMap((end, index) => parser.push(bytes.subarray(index === 0 ? 0 : ends[index - 1], end)));
}

test('The parser of the client dispatches events as in the standard, however the bytes are split.', () => {
  fc.assert(
    fc.property(stream, fc.boolean(), cuts, (text, hasMark, at) => {
      const bytes = new TextEncoder().encode((hasMark ? '\uFEFF' : '') + text);
      const standard = new StandardParser();
      standard.push(bytes);
      const events = parse(bytes, at);
      expect(events.map(({ type, data }) => ({ type, data }))).toEqual(
        standard.events.map(({ type, data }) => ({ type, data })),
      );
    }),
    { numRuns: 2_000 },
  );
});

test('The parser of the client gives the same events for one byte at a time and for all at once.', () => {
  fc.assert(
    fc.property(stream, (text) => {
      const bytes = new TextEncoder().encode(text);
      expect(parse(bytes, [...bytes.keys()])).toEqual(parse(bytes, []));
    }),
    { numRuns: 2_000 },
  );
});

test('The parser of the client refuses an event that does not end.', () => {
  const parser = new EventStreamParser();
  const piece = new TextEncoder().encode('x'.repeat(10_000));
  expect(() => {
    for (let pieces = 0; pieces < 60; pieces++) parser.push(piece);
  }).toThrow(RangeError);
});

test('The parser of the client keeps the reconnection time, and an id to its event.', () => {
  const parser = new EventStreamParser();
  const push = (text: string) => parser.push(new TextEncoder().encode(text));
  expect(push('retry: 12\nid: 1\ndata: a\n\ndata: b\n\n')).toEqual([
    { type: 'message', data: 'a', id: '1' },
    { type: 'message', data: 'b', id: undefined },
  ]);
  expect(parser.retryMs).toBe(12);
});
