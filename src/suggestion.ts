/** A word further away than this is not a typing error. */
const maxDistance = 3;

/** Returns `; did you mean X?` with the nearest known word, or an empty text if none is near. */
export function didYouMean(unknown: string, known: Iterable<string>): string {
  let nearest: string | undefined;
  let least = Math.min(maxDistance, Math.floor(unknown.length / 2)) + 1;
  for (const word of known) {
    if (Math.abs(word.length - unknown.length) >= least) continue;
    const distance = distanceOf(unknown, word);
    if (distance < least) [nearest, least] = [word, distance];
  }
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** Damerau-Levenshtein distance (optimal string alignment): swapping two neighbours counts as one edit. */
function distanceOf(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_value, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[other.length]!;
}
