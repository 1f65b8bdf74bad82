import type { Random } from '../support/random.ts';
import { jsonObject, jsonValue, mutate, oddTexts, uuid } from './values.ts';

/** The body of an import: half of them valid records, the rest nearly valid or random. */
export function importLines(random: Random): Buffer {
  if (random.chance(0.5)) return goodLines(random);
  const line = (): Buffer =>
    random.weighted<() => Buffer>([
      [14, () => Buffer.from(oddRecord(random))],
      [1, () => mutate(random, Buffer.from(oddRecord(random)))],
      [1, () => Buffer.from(jsonValue(random))],
      [0.5, () => random.bytes(random.int(0, 60))],
      [0.5, () => Buffer.from(random.pick(['', ' ', '\t', '\r', '{', '[]', 'null', '\ufeff{}']))],
      [0.5, () => Buffer.from(random.pick(['{"end":{"records":0}}', '{"end":{"records":1}}', '{"end":{}}']))],
    ])();
  const ends = ['\n', '\n', '\n', '\r\n', '\n\n', '\r'];
  const lines = random.times(0, random.chance(0.05) ? 100 : 5, () => [line(), Buffer.from(random.pick(ends))]);
  return Buffer.concat(lines.flat());
}

/** Records that can be stored unless their positions are taken. Rarely more than one batch. */
function goodLines(random: Random): Buffer {
  const first = random.chance(0.5) ? random.int(1, 1_000_000) : random.int(1, 100);
  const most = random.chance(0.01) ? 3_000 : random.chance(0.1) ? 100 : 5;
  const count = random.int(1, most);
  // A complete export, an incomplete one, or several in a row.
  const end = random.weighted([
    [6, undefined],
    [3, count],
    [1, count + random.int(-2, 2)],
  ]);
  const lines = random.times(count, count, (index) => {
    const place = first + index;
    const mark = end !== undefined && index === count - 1 ? `,"end":{"records":${end}}` : '';
    const id = random.chance(0.99) ? uuid(random) : '00000000-0000-4000-8000-000000000001';
    return `{"id":"${id}","stream":"i-${place % 4}","type":"T","pos":${place},"gpos":${place},"data":{},"time":"2026-11-21T03:28:39Z"${mark}}\n`;
  });
  return Buffer.from(lines.join(''));
}

/** A record with possibly odd members. */
function oddRecord(random: Random): string {
  const place = random.chance(0.5) ? random.int(1, 1_000_000) : random.int(1, 60);
  const integer = (value: number) =>
    random.chance(0.97) ? String(value) : random.pick(['null', '1e3', '-1', '1.5', '"1"', '1e400', '4503599627370497']);
  const oddText = () => JSON.stringify(random.pick(oddTexts));
  const oddTimes = ['"0000-00-00T00:00:00Z"', '"now"', '1', '"2026-02-30T00:00:00Z"', '"9999-12-31T23:59:60Z"'];
  const members = [
    `"id":${random.chance(0.97) ? `"${uuid(random)}"` : jsonValue(random, 1)}`,
    `"stream":${random.chance(0.9) ? `"i-${random.int(0, 5)}"` : oddText()}`,
    `"type":${random.chance(0.95) ? '"T"' : oddText()}`,
    `"pos":${integer(place)}`,
    `"gpos":${integer(place)}`,
    `"data":${random.chance(0.9) ? jsonObject(random, 2) : jsonValue(random, 1)}`,
    `"meta":${random.chance(0.9) ? 'null' : jsonValue(random, 1)}`,
    `"time":${random.chance(0.95) ? '"2026-11-21T03:28:39.323456789Z"' : random.pick(oddTimes)}`,
    ...(random.chance(0.1)
      ? [`"end":${random.chance(0.5) ? `{"records":${random.int(0, 6)}}` : jsonValue(random, 1)}`]
      : []),
  ];
  return `{${members.filter(() => random.chance(0.995)).join(',')}}`;
}
