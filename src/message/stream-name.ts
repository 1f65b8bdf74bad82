import { invalid } from '../errors.ts';
import { type ConsumerGroup, type GroupHash, groupHash, ownerOf } from './consumer-group.ts';

/** Longest stream or category name in UTF-8 bytes. */
export const maxNameBytes = 1024;

/** Longest message type in UTF-8 bytes. */
export const maxTypeBytes = 256;

/** JSON Schema pattern of names and types; {@link checkName} states the rule in words. */
export const namePattern = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * A parsed stream name. `account-123+x` has category `account` (before the first hyphen), id `123+x` (after it) and
 * cardinal id `123` (the id up to its first `+`). Without a hyphen the whole name is the category and there is no id,
 * which is not the empty cardinal id of `account-`. The same as `category` and `cardinal_id` of Message DB.
 */
export class StreamName {
  readonly text: string;
  // Computed on first use, because catch-up needs the text only (`npm run load -- durable-size`).
  #category: string | undefined = undefined;
  #cardinalId: string | null | undefined = undefined;
  #hash: GroupHash | undefined = undefined;

  constructor(text: string) {
    this.text = text;
  }

  get category(): string {
    if (this.#category === undefined) {
      const hyphen = this.text.indexOf('-');
      this.#category = hyphen === -1 ? this.text : this.text.slice(0, hyphen);
    }
    return this.#category;
  }

  get cardinalId(): string | null {
    if (this.#cardinalId === undefined) {
      const hyphen = this.text.indexOf('-');
      this.#cardinalId = hyphen === -1 ? null : cardinalIdOf(this.text, hyphen + 1);
    }
    return this.#cardinalId;
  }

  /** Whether the member owns this stream. A stream without a cardinal id belongs to no member, even in a group of one. */
  ownedBy(group: ConsumerGroup): boolean {
    return this.owner(group.size) === group.member;
  }

  /** The member of a group of `size` that owns this stream, or -1 when it has no cardinal id. */
  owner(size: number): number {
    if (this.cardinalId === null) return -1;
    this.#hash ??= groupHash(this.cardinalId);
    return ownerOf(this.#hash, size);
  }
}

function cardinalIdOf(text: string, from: number): string {
  const plus = text.indexOf('+', from);
  return plus === -1 ? text.slice(from) : text.slice(from, plus);
}

/**
 * Returns the name if it is valid: 1 to {@link maxNameBytes} bytes of text without control characters. Throws
 * `INVALID_REQUEST` otherwise.
 */
export function checkName(field: string, name: string): string {
  return checkText(field, name, maxNameBytes);
}

/** Like {@link checkName}, for message types. */
export function checkType(field: string, type: string): string {
  return checkText(field, type, maxTypeBytes);
}

function checkText(field: string, text: string, maxBytes: number): string {
  if (text === '') throw invalid(field, 'must not be empty');
  // A UTF-16 unit takes at most three bytes, so most names need no byte count.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) {
    throw invalid(field, `must be at most ${maxBytes} bytes, got ${Buffer.byteLength(text)}`);
  }
  if (controlCharacter.test(text)) throw invalid(field, 'must not contain control characters');
  if (!text.isWellFormed()) throw invalid(field, 'must be well-formed Unicode, but has a lone surrogate');
  return text;
}
