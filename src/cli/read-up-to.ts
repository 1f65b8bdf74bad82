/** Reads at most `maxBytes` as text, and returns whether that is everything. Destroys a source that has more. */
export async function readUpTo(
  maxBytes: number,
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of source) {
    pieces.push(piece);
    bytes += piece.length;
    // Leaving the loop destroys the source.
    if (bytes > maxBytes) break;
  }
  return { text: Buffer.concat(pieces).toString('utf8', 0, maxBytes), isWhole: bytes <= maxBytes };
}
