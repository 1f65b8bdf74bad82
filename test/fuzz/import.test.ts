import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyExport } from '../../src/message/import-record.ts';
import { anyText, jsonText } from '../support/arbitraries.ts';
import { ImportRequest, importBody, recordAt } from '../support/import-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { oddNumbers, oddTexts } from './values.ts';

/** Client errors named in docs/PROTOCOL.md. */
const codes = ['INVALID_JSON', 'INVALID_RECORD', 'POSITION_EXISTS', 'INCOMPLETE', 'READ_ERROR'];

const places = fc
  .tuple(fc.constantFrom('a-1', 'b-1', 'c'), fc.nat({ max: 30 }))
  .map(([stream, at]) => `${stream}/${at}@${at + 10}`);
const oddMember = fc.oneof(
  fc.constantFrom(...oddTexts, ...oddNumbers),
  anyText,
  fc.double(),
  fc.constantFrom(null, true, [], {}, -1, 0, 2 ** 52 + 1, 2 ** 53, 'Infinity', { toJSON: 1 }),
);
const memberNames = fc.constantFrom(
  'id',
  'stream',
  'type',
  'pos',
  'gpos',
  'data',
  'meta',
  'time',
  '__proto__',
  'other',
);
const record = places.map((place) => Buffer.from(recordAt(place).trimEnd()));
const oddRecord = fc
  .tuple(places, memberNames, oddMember)
  .map(([place, name, value]) => Buffer.from(recordAt(place, { [name]: value }).trimEnd()));
const changedRecord = fc
  .tuple(record, fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat({ max: 3 }))
  .map(([bytes, at, put, drop]) => {
    const from = at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)]);
  });
const ends = [
  '{"end":{"records":0}}',
  '{"end":{"records":1}}',
  recordAt('a-1/29@39', { end: { records: 1 } }).trimEnd(),
];
const lines = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 12, arbitrary: record },
      { weight: 1, arbitrary: oddRecord },
      { weight: 1, arbitrary: changedRecord },
      { weight: 1, arbitrary: jsonText.map((text) => Buffer.from(text.replaceAll('\n', ' '))) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('', ' ', '\r', '{', '[]', 'null', '\ufeff{}', ...ends)
          .map((text) => Buffer.from(text)),
      },
    ),
    fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n'),
  ),
  { maxLength: 8 },
);

/** Records stored before, which conflict with some others. */
const existing = recordAt('a-1/0@3') + recordAt('b-1/2@12');

test('Whatever the content of an import, its answer reports how it ended, and the log is in that state.', async () => {
  await using app = await startTestApp();
  const replace = (body: string) => importBody(`${app.url}/import?force=true&allowIncomplete=true`, body);
  const exported = async () => (await app.get('/export')).text;
  const outcomes = { done: 0, error: 0 };
  await fc.assert(
    fc.asyncProperty(lines, fc.boolean(), fc.array(fc.nat(), { maxLength: 5 }), async (given, force, cuts) => {
      await replace(existing);
      const before = await exported();
      const body = Buffer.concat(given.flatMap(([line, end]) => [line, Buffer.from(end)]));
      const request = new ImportRequest(`${app.url}/import${force ? '?force=true&allowIncomplete=true' : ''}`);
      for (const piece of piecesOf(body, cuts)) await request.send(piece);
      const { status, events } = await request.end();
      expect(status).toBe(200);
      // Less than a batch: there is no progress event, and either everything or nothing is stored.
      expect(events).toHaveLength(1);
      const [{ done, imported, error, line, message }] = events;
      const after = await exported();
      if (done) {
        outcomes.done++;
        const exportedMessages = after === emptyExport ? 0 : after.split('\n').length - 1;
        expect(exportedMessages).toBe(imported + (force ? 0 : 2));
        // Accepted records can be imported again, with the same result.
        expect((await replace(after)).events.at(-1)).toMatchObject({ done: true });
        expect(await exported()).toBe(after);
      } else {
        outcomes.error++;
        expect(codes).toContain(error);
        expect(message).toBeTypeOf('string');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(body.toString('latin1').split('\n').length);
        expect(after).toBe(before);
      }
    }),
    { numRuns: 250 },
  );
  expect(outcomes.done).toBeGreaterThan(20);
  expect(outcomes.error).toBeGreaterThan(20);
});

function piecesOf(body: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((at) => at % (body.length + 1)).sort((one, other) => one - other), body.length];
  return places.slice(1).map((until, index) => body.subarray(places[index], until));
}
