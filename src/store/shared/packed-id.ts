/** Bytes of a packed UUID; its text takes 36. */
export const packedIdBytes = 16;

/** Index in the text of each byte's two digits. */
const pairs = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const hyphens = [8, 13, 18, 23];
const hyphen = 0x2d;
const noDigit = 0xff;
const digits = Buffer.from('0123456789abcdef');
const valueOfDigit = new Uint8Array(128).fill(noDigit);
for (const [value, digit] of digits.entries()) valueOfDigit[digit] = value;
const text = Buffer.alloc(36, '-');

/** Packs a UUID in lower case into bytes. Returns false for any other text; the bytes at `at` are then undefined. */
export function packId(id: string, target: Uint8Array, at: number): boolean {
  if (id.length !== text.length) return false;
  for (const place of hyphens) if (id.charCodeAt(place) !== hyphen) return false;
  for (let byte = 0; byte < packedIdBytes; byte++) {
    const pair = pairs[byte]!;
    const high = valueOfDigit[id.charCodeAt(pair)] ?? noDigit;
    const low = valueOfDigit[id.charCodeAt(pair + 1)] ?? noDigit;
    if (high === noDigit || low === noDigit) return false;
    target[at + byte] = (high << 4) | low;
  }
  return true;
}

/** The text of a UUID packed by {@link packId}. */
export function unpackId(source: Uint8Array, at: number): string {
  for (let byte = 0; byte < packedIdBytes; byte++) {
    const pair = pairs[byte]!;
    const value = source[at + byte]!;
    text[pair] = digits[value >>> 4]!;
    text[pair + 1] = digits[value & 0xf]!;
  }
  return text.toString('latin1');
}
