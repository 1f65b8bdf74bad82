import { firstElement, nextElement, quote, skipSpace, skipString, skipValue } from './json-text.ts';
import type { JsonText } from './message.ts';
import { charactersPerTurn, finish, finishInTurns, type Steps } from './turns.ts';

/** Cost of a map entry for a member, in characters. */
const memberCharacters = 16;

/** Whether two texts are the same JSON value. Numbers must be spelled alike; the order of members does not matter. */
export function sameJson(a: JsonText | null, b: JsonText | null): boolean {
  return finish(comparing(a, b));
}

/** Like {@link sameJson}, but yields to the event loop while it compares long texts. */
export function sameJsonInTurns(a: JsonText | null, b: JsonText | null): Promise<boolean> {
  return finishInTurns(comparing(a, b));
}

function* comparing(a: JsonText | null, b: JsonText | null): Steps<boolean> {
  if (a === b) return true;
  if (a === null || b === null) return false;
  return yield* new Comparison(a, b).same(skipSpace(a, 0), skipSpace(b, 0));
}

/** Compares two texts in place. Parsed objects would take many times the memory of the texts. */
class Comparison {
  readonly #a: JsonText;
  readonly #b: JsonText;
  #left = charactersPerTurn;

  constructor(a: JsonText, b: JsonText) {
    this.#a = a;
    this.#b = b;
  }

  /** Whether the values at these indexes are equal. Recursive, because the nesting of payloads is bounded. */
  *same(a: number, b: number): Steps<boolean> {
    const first = this.#a[a];
    if (first !== this.#b[b]) return false;
    if (first === '{') return yield* this.#sameObjects(a, b);
    if (first === '[') return yield* this.#sameArrays(a, b);
    return scalar(this.#a, a) === scalar(this.#b, b);
  }

  *#sameObjects(a: number, b: number): Steps<boolean> {
    const ofA = yield* this.#members(this.#a, a);
    const ofB = yield* this.#members(this.#b, b);
    if (ofA.size !== ofB.size) return false;
    for (const [name, atA] of ofA) {
      const atB = ofB.get(name);
      if (atB === undefined || !(yield* this.same(atA, atB))) return false;
      if (this.#isTurnOver(memberCharacters)) yield;
    }
    return true;
  }

  /** Index of the value of each member. If a name repeats, the last member counts. */
  *#members(text: JsonText, start: number): Steps<Map<string, number>> {
    const members = new Map<string, number>();
    let at = skipSpace(text, start + 1);
    while (text.charCodeAt(at) === quote) {
      const nameEnd = skipString(text, at);
      const name = unescaped(text.slice(at, nameEnd));
      const value = skipSpace(text, skipSpace(text, nameEnd) + 1);
      members.set(name, value);
      const end = skipValue(text, value);
      if (this.#isTurnOver(end - at + memberCharacters)) yield;
      at = nextElement(text, end);
    }
    return members;
  }

  *#sameArrays(a: number, b: number): Steps<boolean> {
    let atA = firstElement(this.#a, a);
    let atB = firstElement(this.#b, b);
    while (this.#a[atA] !== ']' && this.#b[atB] !== ']') {
      if (!(yield* this.same(atA, atB))) return false;
      const end = skipValue(this.#a, atA);
      if (this.#isTurnOver(2 * (end - atA) + memberCharacters)) yield;
      atA = nextElement(this.#a, end);
      atB = nextElement(this.#b, skipValue(this.#b, atB));
    }
    return this.#a[atA] === this.#b[atB];
  }

  #isTurnOver(characters: number): boolean {
    this.#left -= characters;
    if (this.#left > 0) return false;
    this.#left = charactersPerTurn;
    return true;
  }
}

/** The text of a scalar: a string without escapes, in quotes; anything else verbatim. */
function scalar(text: JsonText, at: number): string {
  return unescaped(text.slice(at, skipValue(text, at)));
}

function unescaped(spelled: string): string {
  return spelled.includes('\\') ? `"${JSON.parse(spelled) as string}"` : spelled;
}
