/**
 * Splits a JSON array into the texts of its elements, or an object into its members, as written: numbers keep digits that
 * JavaScript cannot hold. The input must be valid JSON.
 */
export function jsonElements(array: string): string[] {
  const elements: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < array.length; at++) {
    const letter = array[at];
    if (letter === '"') at = endOfText(array, at);
    else if (letter === '[' || letter === '{') {
      if (depth++ === 0) from = at + 1;
    } else if (letter === ']' || letter === '}') {
      if (--depth === 0 && array.slice(from, at).trim() !== '') elements.push(array.slice(from, at).trim());
    } else if (letter === ',' && depth === 1) {
      elements.push(array.slice(from, at).trim());
      from = at + 1;
    }
  }
  return elements;
}

/** The text of a member's value; of duplicates the last, as in `JSON.parse`. Expects JSON without spaces. */
export function jsonMember(object: string, name: string): string | undefined {
  const key = `${JSON.stringify(name)}:`;
  return jsonElements(object)
    .findLast((member) => member.startsWith(key))
    ?.slice(key.length);
}

/** Index of the closing quote of the string that begins at `from`. */
function endOfText(json: string, from: number): number {
  for (let at = from + 1; ; at++) {
    at = json.indexOf('"', at);
    if (at === -1) return json.length;
    let backslashes = 0;
    while (json[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
