export const quote = 0x22;
export const backslash = 0x5c;

/**
 * Visits the members of the JSON object at `start`, and returns the index after it. The text must be valid JSON: this
 * only finds where values start and end, so that they can be kept verbatim. Stops early when `visit` returns false.
 */
export function walkMembers(
  text: string,
  start: number,
  visit: (key: string, valueStart: number, valueEnd: number) => unknown,
): number {
  let at = skipSpace(text, start + 1);
  while (text.charCodeAt(at) === quote) {
    const keyEnd = skipString(text, at);
    const key = text.slice(at + 1, keyEnd - 1);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    const name = key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
    if (visit(name, valueStart, valueEnd) === false) return at;
    at = skipSpace(text, valueEnd);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return at + 1;
}

/** Start of the value of the last member with this name in the object at `start`; -1 if there is none. */
export function findMember(text: string, start: number, name: string): number {
  const spelled = `"${name}"`;
  let found = -1;
  let at = skipSpace(text, start + 1);
  while (text.charCodeAt(at) === quote) {
    const end = skipString(text, at);
    const value = skipSpace(text, skipSpace(text, end) + 1);
    // Escapes make the spelled name longer.
    const isNamed =
      end - at === spelled.length
        ? text.startsWith(spelled, at)
        : end - at > spelled.length && isEscaped(text, at, end, name);
    if (isNamed) found = value;
    at = nextElement(text, skipValue(text, value));
  }
  return found;
}

function isEscaped(text: string, at: number, end: number, name: string): boolean {
  // Each unit takes at most six characters, so a name spelled longer than that cannot match.
  if (end - at > 6 * name.length + 2) return false;
  const spelled = text.slice(at, end);
  return spelled.includes('\\') && JSON.parse(spelled) === name;
}

/** Start of the first element of the array at `start`, or the array's end if it is empty. */
export function firstElement(text: string, start: number): number {
  return skipSpace(text, start + 1);
}

/** Start of the element after the one that ends at `end`, or the array's end if that was the last. */
export function nextElement(text: string, end: number): number {
  const at = skipSpace(text, end);
  return text[at] === ',' ? skipSpace(text, at + 1) : at;
}

/** Like {@link walkMembers}, for the elements of the JSON array at `start`. */
export function walkElements(text: string, start: number, visit: (valueStart: number) => number): void {
  for (let at = firstElement(text, start); text[at] !== ']'; ) at = nextElement(text, visit(at));
}

/** Index of the first character from `at` on that is not JSON white space. */
export function skipSpace(text: string, at: number): number {
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Index after the value at `at`. */
export function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === quote) return skipString(text, at);
  if (!isOpening(first)) {
    while (!isScalarEnd(text.charCodeAt(at))) at++;
    return at;
  }
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = skipString(text, at);
      continue;
    }
    at++;
    if (isOpening(code)) depth++;
    else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at;
  }
}

/** Index after the string whose opening quote is at `at`. */
export function skipString(text: string, at: number): number {
  for (;;) {
    const end = text.indexOf('"', at + 1);
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    at = end;
    // An odd number of backslashes escapes the quote. The opening quote is never preceded by a backslash.
    if (slashes % 2 === 0) return end + 1;
  }
}

function isOpening(code: number): boolean {
  return code === 0x7b || code === 0x5b;
}

/** Whether the code unit is JSON white space. */
export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

// Whether it ends a number or literal: comma, closing bracket or brace, white space, or the end of the text (NaN).
function isScalarEnd(code: number): boolean {
  return code === 0x2c || code === 0x7d || code === 0x5d || isSpace(code) || Number.isNaN(code);
}
