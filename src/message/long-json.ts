import {
  backslash,
  firstElement,
  isSpace,
  nextElement,
  quote,
  skipSpace,
  skipValue,
  walkMembers,
} from './json-text.ts';
import { charactersPerTurn, finish, finishInTurns, type Steps } from './turns.ts';

/**
 * Longest text to parse with `JSON.parse`, which takes some 5 ms at most. `JSON.parse` builds every object, which takes
 * up to 90 ms for 1 MiB of small objects with different member names. Longer texts are therefore validated character by
 * character, and only the requested parts are built.
 */
const longLength = 65_536;

/** Maximum number of members read from an object that has a few known ones and may have others: a record, a message in a call, options. */
export const maxMembers = 100;

/** Which parts of a long text to build. */
export type Outline = {
  /** Levels of objects and arrays to build; deeper ones stay empty. */
  readonly levels: number;
  /** Whether the member stays empty if its value is an object or array. */
  readonly isEmpty: (name: string) => boolean;
  /** Maximum number of members of an object; further ones are left out. */
  readonly maxMembers: number;
  /** Maximum number of elements of an array; further ones are left out. */
  readonly maxElements: number;
};

/** Whether a body is long enough to be parsed in slices. */
export function isLong({ length }: { readonly length: number }): boolean {
  return length > longLength;
}

/** Like `JSON.parse`, but builds only what the outline asks for if the text is long. Throws a `SyntaxError`. */
export function parseOutline(text: string, outline: Outline): unknown {
  if (!isLong(text)) return JSON.parse(text);
  return finish(outlining(text, outline));
}

/** Like {@link parseOutline}, but yields to the event loop while it parses. */
export function parseOutlineInTurns(text: string, outline: Outline): Promise<unknown> {
  return finishInTurns(outlining(text, outline));
}

function* outlining(text: string, outline: Outline): Steps<unknown> {
  const fault = yield* searchFault(text);
  if (fault === text.length) throw new SyntaxError('Unexpected end of JSON input');
  if (fault !== -1) throw new SyntaxError(`Unexpected character at position ${fault}`);
  yield;
  const outlined = outlineAt(text, skipSpace(text, 0), outline, outline.levels);
  yield;
  return outlined;
}

function outlineAt(text: string, at: number, outline: Outline, levels: number): unknown {
  const first = text.charCodeAt(at);
  if (first === openBrace) return levels === 0 ? {} : outlineMembers(text, at, outline, levels);
  if (first === openBracket) {
    const elements: unknown[] = [];
    if (levels === 0) return elements;
    for (
      let from = firstElement(text, at);
      text.charCodeAt(from) !== closeBracket && elements.length < outline.maxElements;
      from = nextElement(text, skipValue(text, from))
    ) {
      elements.push(outlineAt(text, from, outline, levels - 1));
    }
    return elements;
  }
  return JSON.parse(text.slice(at, skipValue(text, at)));
}

function outlineMembers(text: string, at: number, outline: Outline, levels: number): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  let count = 0;
  walkMembers(text, at, (name, from) => {
    if (!Object.hasOwn(members, name) && count++ === outline.maxMembers) return false;
    const value = outlineAt(text, from, outline, outline.isEmpty(name) ? 0 : levels - 1);
    // An assignment to `__proto__` would set the prototype instead.
    if (name === '__proto__') Object.defineProperty(members, name, { value, enumerable: true, configurable: true });
    else members[name] = value;
    return true;
  });
  return members;
}

const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const zero = 0x30;

/** Index of the first character that is not valid JSON (RFC 8259), or the text's length if it ends too early; -1 if the text is JSON. */
export function faultOf(text: string): number {
  return finish(searchFault(text));
}

function* searchFault(text: string): Steps<number> {
  // Opening character of each level. Its closing counterpart is two code points later in ASCII.
  const levels = new Uint8Array(text.length + 1);
  let depth = 0;
  let at = skipSpace(text, 0);
  let pauseAt = charactersPerTurn;
  for (;;) {
    if (at > pauseAt) {
      pauseAt = at + charactersPerTurn;
      yield;
    }
    const first = text.charCodeAt(at);
    if (first === openBrace || first === openBracket) {
      levels[++depth] = first;
      at = skipSpace(text, at + 1);
      if (text.charCodeAt(at) !== first + 2) {
        if (first === openBrace) at = memberValue(text, at);
        if (at < 0) return faultAt(at);
        continue;
      }
      depth--;
      at++;
    } else {
      at = scalarEnd(text, at, first);
      if (at < 0) return faultAt(at);
    }
    // After a value, any number of levels may close.
    for (;;) {
      if (isSpace(text.charCodeAt(at))) at = skipSpace(text, at);
      if (depth === 0) return at === text.length ? -1 : at;
      const next = text.charCodeAt(at);
      if (next === levels[depth]! + 2) {
        depth--;
        at++;
        continue;
      }
      if (next !== comma) return at;
      at = skipSpace(text, at + 1);
      if (levels[depth] === openBrace) at = memberValue(text, at);
      if (at < 0) return faultAt(at);
      break;
    }
  }
}

// Functions below return where an element ends or, as a negative number, where it is invalid.
function fault(at: number): number {
  return -1 - at;
}

function faultAt(negative: number): number {
  return -1 - negative;
}

/** Index of the value of the member whose name starts at `at`. */
function memberValue(text: string, at: number): number {
  if (text.charCodeAt(at) !== quote) return fault(at);
  const end = stringEnd(text, at);
  if (end < 0) return end;
  const behind = skipSpace(text, end);
  return text.charCodeAt(behind) === colon ? skipSpace(text, behind + 1) : fault(behind);
}

function scalarEnd(text: string, at: number, first: number): number {
  if (first === quote) return stringEnd(text, at);
  if (first === minus || isDigit(first)) return numberEnd(text, at);
  for (const literal of ['true', 'false', 'null']) if (text.startsWith(literal, at)) return at + literal.length;
  return fault(at);
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code < 0x20) return fault(at);
    if (code !== backslash) continue;
    const escaped = text[++at];
    if (escaped === undefined) break;
    if (escaped === 'u') {
      for (let digit = 0; digit < 4; digit++)
        if (!isHex(text.charCodeAt(++at))) return fault(Math.min(at, text.length));
    } else if (!'"\\/bfnrt'.includes(escaped)) return fault(at);
  }
  return fault(text.length);
}

function numberEnd(text: string, start: number): number {
  let at = text.charCodeAt(start) === minus ? start + 1 : start;
  const integer = at;
  at = digitsEnd(text, at);
  // No digits, or a leading zero, which only `0` itself may have.
  if (at === integer) return fault(at);
  if (text.charCodeAt(integer) === zero && at > integer + 1) return fault(integer + 1);
  if (text[at] === '.') {
    const fraction = at + 1;
    at = digitsEnd(text, fraction);
    if (at === fraction) return fault(at);
  }
  if (text[at] === 'e' || text[at] === 'E') {
    const exponent = text[at + 1] === '+' || text[at + 1] === '-' ? at + 2 : at + 1;
    at = digitsEnd(text, exponent);
    if (at === exponent) return fault(at);
  }
  return at;
}

function digitsEnd(text: string, at: number): number {
  while (isDigit(text.charCodeAt(at))) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= 0x39;
}

function isHex(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}
