/** Fixed ASCII text as numbers of eight bytes each: one store instead of eight. Measured by load/micro/encode.ts. */
type Words = { readonly words: readonly number[]; readonly bytes: number };

export function wordsOf(text: string): Words {
  const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  return {
    words: Array.from({ length: bytes.length / 8 }, (_, word) => bytes.readDoubleLE(word * 8)),
    bytes: text.length,
  };
}

/** 1, 10, 100, … as far as integers are exact. */
const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);
const digitZero = 0x30;
/** 1 if the UTF-16 unit is a single byte in JSON without an escape, otherwise 0. */
const isPlain = Uint8Array.from({ length: 65_536 }, (_, unit) =>
  unit >= 0x20 && unit <= 0x7e && unit !== 0x22 && unit !== 0x5c ? 1 : 0,
);

/** Writes the text plus up to seven bytes after it, which the caller overwrites. Returns the index after the text. */
export function writeWords({ words, bytes }: Words, view: DataView, at: number): number {
  for (let word = 0; word < words.length; word++) view.setFloat64(at + word * 8, words[word]!, true);
  return at + bytes;
}

/** Writes the name four characters at a time. Returns false if a character needs escaping or is not ASCII. */
export function writeName(name: string, view: DataView, at: number): boolean {
  const { length } = name;
  let plain = 1;
  let from = 0;
  for (; from + 4 <= length; from += 4) {
    const a = name.charCodeAt(from);
    const b = name.charCodeAt(from + 1);
    const c = name.charCodeAt(from + 2);
    const d = name.charCodeAt(from + 3);
    plain &= isPlain[a]! & isPlain[b]! & isPlain[c]! & isPlain[d]!;
    view.setInt32(at + from, (a << 24) | (b << 16) | (c << 8) | d);
  }
  for (; from < length; from++) {
    const unit = name.charCodeAt(from);
    plain &= isPlain[unit]!;
    view.setUint8(at + from, unit);
  }
  return plain === 1;
}

/** Writes a non-negative integer in decimal, and returns the index after it. */
export function writeInteger(value: number, target: Buffer, at: number): number {
  let digits = 1;
  while (value >= powersOfTen[digits]!) digits++;
  const end = at + digits;
  let write = end;
  while (value > 0x7fffffff) {
    const rest = Math.floor(value / 10);
    target[--write] = digitZero + (value - rest * 10);
    value = rest;
  }
  // From here on the number is a 31-bit integer, so divisions need no floating point.
  do {
    const rest = (value / 10) | 0;
    target[--write] = digitZero + (value - rest * 10);
    value = rest;
  } while (write > at);
  return end;
}
