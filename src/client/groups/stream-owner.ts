/**
 * The partition (0 ≤ partition < `size`) that owns a stream: Message DB's `hash_64` over its cardinal id, the id up to
 * the first `+`; -1 for a name without an id, which no partition owns. Used only for floors after a resize; the server
 * selects everything else.
 */
export function ownerOf(stream: string, size: number): number {
  const hyphen = stream.indexOf('-');
  if (hyphen < 0) return -1;
  const [cardinalId] = stream.slice(hyphen + 1).split('+', 1);
  const hash = BigInt.asIntN(64, md5Start(new TextEncoder().encode(cardinalId)));
  return Number((hash < 0n ? -hash : hash) % BigInt(size));
}

/** RFC 1321, 3.4: rotations of each round, and the table of sines. */
const rotations = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const sines = Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));

/** The first 8 bytes of MD5, big-endian. Web Crypto has no MD5. */
function md5Start(bytes: Uint8Array): bigint {
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const words = new DataView(padded.buffer);
  words.setUint32(padded.length - 8, bytes.length * 8, true);
  const sums: Four = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let at = 0; at < padded.length; at += 64) {
    const added = mixed(sums, words, at);
    for (const word of added.keys()) sums[word] = (sums[word]! + added[word]!) | 0;
  }
  const start = new DataView(new ArrayBuffer(8));
  start.setUint32(0, sums[0], true);
  start.setUint32(4, sums[1], true);
  return start.getBigUint64(0);
}

type Four = [number, number, number, number];

function mixed([...sums]: Four, words: DataView, at: number): Four {
  let [a, b, c, d] = sums as Four;
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const mix = [(b & c) | (~b & d), (d & b) | (~d & c), b ^ c ^ d, c ^ (b | ~d)][round]!;
    const word = [i, 5 * i + 1, 3 * i + 5, 7 * i][round]! % 16;
    const sum = (a + mix + sines[i]! + words.getUint32(at + word * 4, true)) | 0;
    const by = rotations[round * 4 + (i % 4)]!;
    [a, d, c, b] = [d, c, b, (b + ((sum << by) | (sum >>> (32 - by)))) | 0];
  }
  return [a, b, c, d];
}
