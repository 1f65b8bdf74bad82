import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodeApng } from '../browser/picture/apng.ts';

/** Types and data of the chunks. */
function chunksOf(file: Buffer): { type: string; data: Buffer }[] {
  const chunks = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    chunks.push({ type: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

const [white, red] = [
  [255, 255, 255, 255],
  [255, 0, 0, 255],
];

test('The picture’s encoder stores only the changed rectangle of each further frame, as indices into one palette.', () => {
  const first = Uint8Array.from([white, white, white, white].flat());
  const second = Uint8Array.from([white, white, white, red].flat());
  const frames = [first, second].map((pixels, at) => ({ pixels, shownMs: 100 + at }));
  const chunks = chunksOf(encodeApng({ width: 2, height: 2 }, frames));

  expect(chunks.map(({ type }) => type)).toEqual(['IHDR', 'acTL', 'PLTE', 'fcTL', 'IDAT', 'fcTL', 'fdAT', 'IEND']);
  expect([...chunks[2]!.data]).toEqual([255, 255, 255, 255, 0, 0]);
  expect([...inflateSync(chunks[4]!.data)]).toEqual([0, 0, 0, 0, 0, 0]);
  const control = chunks[5]!.data;
  const [sequence, width, height, x, y] = [0, 4, 8, 12, 16].map((at) => control.readUInt32BE(at));
  expect({ sequence, width, height, x, y, shownMs: control.readUInt16BE(20) }).toEqual({
    sequence: 1,
    width: 1,
    height: 1,
    x: 1,
    y: 1,
    shownMs: 101,
  });
  expect([...inflateSync(chunks[6]!.data.subarray(4))]).toEqual([0, 1]);
});

test('A rare color stays in the palette beside hundreds of shades of a frequent one.', () => {
  const shades = Array.from({ length: 288 }, (_, at) => [
    200 + (at % 6),
    200 + (Math.trunc(at / 6) % 6),
    200 + Math.trunc(at / 36),
    255,
  ]);
  const pixels = Uint8Array.from([...shades, ...shades, red].flat());
  const chunks = chunksOf(encodeApng({ width: pixels.length / 4, height: 1 }, [{ pixels, shownMs: 100 }]));
  const palette = chunks.find(({ type }) => type === 'PLTE')!.data;
  const last = inflateSync(chunks.find(({ type }) => type === 'IDAT')!.data).at(-1)!;
  expect([...palette.subarray(last * 3, last * 3 + 3)]).toEqual([255, 0, 0]);
});
