import { crc32, deflateSync } from 'node:zlib';

/** A frame of the animation: RGBA bytes row by row, and its duration. */
export type Frame = { readonly pixels: Uint8Array; readonly shownMs: number };

type Size = { readonly width: number; readonly height: number };
type Rectangle = Size & { readonly x: number; readonly y: number };

const mostColors = 256;

/** The most frequent colors are those of areas, each of which keeps its own. */
const areaColors = 16;

/** Squared distance below which other colors share one: smooth edges of letters have thousands, and rare hues need an entry. */
const alike = 100;

/**
 * An animated PNG (PNG third edition, 4.9) that repeats forever. All frames share a palette, and each frame contains
 * only the rectangle that differs from the previous one.
 */
export function encodeApng(size: Size, frames: readonly Frame[]): Buffer {
  const colors = frames.map(({ pixels }) => colorsOf(pixels));
  const palette = paletteOf(colors);
  const pictures = colors.map((picture) => indexed(picture, palette));
  let sequence = 0;
  const parts = pictures.flatMap((picture, at) => {
    const before = pictures[at - 1];
    const part = before === undefined ? { x: 0, y: 0, ...size } : differenceOf(before, picture, size);
    const control = chunk('fcTL', controlOf(sequence++, part, frames[at]!.shownMs));
    const data = deflateSync(rowsOf(picture, part, size.width), { level: 9 });
    if (at === 0) return [control, chunk('IDAT', data)];
    return [control, chunk('fdAT', Buffer.concat([uint32(sequence++), data]))];
  });
  const header = Buffer.concat([uint32(size.width), uint32(size.height), Buffer.from([8, 3, 0, 0, 0])]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('acTL', Buffer.concat([uint32(frames.length), uint32(0)])),
    chunk('PLTE', Buffer.from([...palette.keys()].flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]))),
    ...parts,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** 24-bit colors of RGBA bytes; transparency is dropped. */
function colorsOf(pixels: Uint8Array): Uint32Array {
  const colors = new Uint32Array(pixels.length / 4);
  for (let at = 0; at < colors.length; at++) {
    colors[at] = (pixels[at * 4]! << 16) | (pixels[at * 4 + 1]! << 8) | pixels[at * 4 + 2]!;
  }
  return colors;
}

/** Index of each color: the most frequent ones that differ visibly. */
function paletteOf(pictures: readonly Uint32Array[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const picture of pictures) for (const color of picture) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = new Map<number, number>();
  for (const [color] of [...counts].sort(([, one], [, other]) => other - one)) {
    if (palette.size === mostColors) break;
    const isOwn = palette.size < areaColors || nearest(color, palette).distance >= alike;
    if (isOwn) palette.set(color, palette.size);
  }
  return palette;
}

/** Palette indices; a color outside the palette is replaced by the nearest in it. */
function indexed(picture: Uint32Array, palette: ReadonlyMap<number, number>): Uint8Array {
  const known = new Map(palette);
  return Uint8Array.from(picture, (color) => {
    const index = known.get(color) ?? nearest(color, palette).index;
    known.set(color, index);
    return index;
  });
}

/** The nearest color of the palette, and its squared distance. */
function nearest(color: number, palette: ReadonlyMap<number, number>): { index: number; distance: number } {
  let found = { index: 0, distance: Number.POSITIVE_INFINITY };
  for (const [candidate, index] of palette) {
    const red = (candidate >> 16) - (color >> 16);
    const green = ((candidate >> 8) & 255) - ((color >> 8) & 255);
    const blue = (candidate & 255) - (color & 255);
    const distance = red * red + green * green + blue * blue;
    if (distance < found.distance) found = { index, distance };
  }
  return found;
}

/** The smallest rectangle that contains all differences; one pixel if there are none. */
function differenceOf(before: Uint8Array, after: Uint8Array, { width, height }: Size): Rectangle {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let at = 0; at < after.length; at++) {
    if (before[at] === after[at]) continue;
    const x = at % width;
    const y = Math.floor(at / width);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = y;
  }
  if (right === -1) return { x: 0, y: 0, width: 1, height: 1 };
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Rows of a part of a picture, each preceded by the byte for "no filter". */
function rowsOf(picture: Uint8Array, { x, y, width, height }: Rectangle, stride: number): Buffer {
  const rows = Buffer.alloc((width + 1) * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * stride + x;
    rows.set(picture.subarray(from, from + width), row * (width + 1) + 1);
  }
  return rows;
}

function controlOf(sequence: number, { x, y, width, height }: Rectangle, shownMs: number): Buffer {
  const delay = Buffer.alloc(6);
  delay.writeUInt16BE(shownMs, 0);
  delay.writeUInt16BE(1_000, 2);
  return Buffer.concat([...[sequence, width, height, x, y].map(uint32), delay]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
