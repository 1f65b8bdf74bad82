import { PokewireError } from '../errors.ts';
import { backslash, isSpace, quote, skipSpace, skipString } from './json-text.ts';
import type { JsonText } from './message.ts';

// Payloads stay text, so readers parse them with any JSON library. A message that a reader cannot decode would block
// that reader, so everything that common libraries reject by default is rejected here.

/**
 * Deepest nesting of objects and arrays in data or metadata. With the two levels around them in a response they stay
 * below 64, the limit of .NET's System.Text.Json; Ruby's json allows 100, serde_json 128, PHP and Swift 512, Jackson
 * and Python 1,000.
 */
export const maxNesting = 60;

/** Deepest nesting of a whole body, which has data inside an array and an object. */
export const maxBodyNesting = maxNesting + 2;

/** Longest number in characters, Jackson's limit. */
export const maxNumberLength = 1_000;

/** A number no longer than this, with at most two exponent digits, is always within the range of doubles. */
const surelyFiniteLength = 200;

/**
 * The JSON value between `start` and `end`, without white space between tokens; strings and numbers stay verbatim. The
 * text must be valid JSON. Throws like {@link checkPayload}.
 */
export function readPayload(text: string, start: number, end: number, field: string): JsonText {
  const hasSpace = checkPayload(text, start, end, field, maxNesting);
  return hasSpace ? withoutSpace(text, start, end) : text.slice(start, end);
}

/**
 * Whether the JSON value between `start` and `end` has white space between tokens. Throws `INVALID_REQUEST` that names
 * `field` if the value nests deeper than `levels`, or contains a number beyond the range of doubles or a lone surrogate
 * (RFC 7493, 2.1 and 2.2).
 */
export function checkPayload(text: string, start: number, end: number, field: string, levels: number): boolean {
  let hasSpace = false;
  let depth = 0;
  for (let at = start; at < end; ) {
    const code = text.charCodeAt(at);
    if (code === quote) at = skipString(text, at);
    else if (isDigit(code)) at = skipNumber(text, at, field);
    else if (isSpace(code)) {
      hasSpace = true;
      at = skipSpace(text, at);
    } else {
      // `{` or `[` opens a level; `}` or `]` closes one.
      if (code === 0x7b || code === 0x5b) {
        if (++depth > levels) throw refusal(field, `must not nest deeper than ${levels} levels`);
      } else if (code === 0x7d || code === 0x5d) depth--;
      at++;
    }
  }
  const value = text.slice(start, end);
  if (value.includes('\\u')) refuseLoneSurrogates(value, field);
  return hasSpace;
}

/** Copies code units: concatenating substrings of a text with white space between all tokens takes 20 ms per MiB. */
function withoutSpace(text: string, start: number, end: number): JsonText {
  const codes = new Uint16Array(end - start);
  let length = 0;
  let allBits = 0;
  let isInString = false;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (!isInString && isSpace(code)) continue;
    codes[length++] = code;
    allBits |= code;
    if (code === quote) isInString = !isInString;
    else if (code === backslash) codes[length++] = text.charCodeAt(++at);
  }
  const used = codes.subarray(0, length);
  // One byte per character if possible; V8 would keep two.
  if (allBits <= 0xff) return Buffer.from(used).toString('latin1');
  return Buffer.from(used.buffer, 0, used.byteLength).toString('utf16le');
}

// `details.error` repeats the problem, as EventoDB does.
function refusal(field: string, problem: string): PokewireError {
  return new PokewireError('INVALID_REQUEST', `${field} ${problem}`, { details: { field, error: problem } });
}

/** Index after the number whose first digit is at `at`. A sign before it does not matter. */
function skipNumber(text: string, at: number, field: string): number {
  let end = at;
  let exponentAt = -1;
  for (let code = text.charCodeAt(end); isNumberPart(code); code = text.charCodeAt(++end)) {
    if (code === 0x65 || code === 0x45) exponentAt = end;
  }
  const length = end - at;
  // Check only long numbers: converting 200,000 of them to doubles takes 8 ms.
  if (length > surelyFiniteLength || (exponentAt !== -1 && end - exponentAt > 3 && text[exponentAt + 1] !== '-')) {
    if (!Number.isFinite(Number(text.slice(at, end)))) {
      throw refusal(field, `has a number out of the range of doubles: ${text.slice(at, Math.min(end, at + 64))}`);
    }
    if (length > maxNumberLength) throw refusal(field, `has a number longer than ${maxNumberLength} characters`);
  }
  return end;
}

/** Checks the escapes only, because text decoded from UTF-8 contains no lone surrogate itself. */
function refuseLoneSurrogates(text: string, field: string): void {
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at)) {
    const kind = surrogateAt(text, at);
    if (kind === 'leading' && surrogateAt(text, at + 6) === 'trailing') at += 12;
    else if (kind === 'none') at += 2;
    else throw refusal(field, `must be well-formed Unicode, but has the lone surrogate ${text.slice(at, at + 6)}`);
  }
}

function surrogateAt(text: string, at: number): 'leading' | 'trailing' | 'none' {
  if (text[at] !== '\\' || text[at + 1] !== 'u' || (text.charCodeAt(at + 2) | 0x20) !== 0x64) return 'none';
  const second = text.charCodeAt(at + 3) | 0x20;
  // Second hex digit 8, 9, a or b: leading surrogate; c to f: trailing.
  if (second === 0x38 || second === 0x39 || second === 0x61 || second === 0x62) return 'leading';
  return second >= 0x63 ? 'trailing' : 'none';
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

// Digit, sign, decimal point or exponent.
function isNumberPart(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === 0x2d;
}
