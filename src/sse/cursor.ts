import { hash } from 'node:crypto';

/** Hexadecimal digits of the epoch's hash in a cursor: 48 bits distinguish any two logs of a subscriber. */
const tagDigits = 12;

const cursorText = /^(\d{1,16})(?:-([0-9a-f]{12}))?$/;

/** A cursor sent by a subscriber. `tag` names its log; undefined for a bare number. `unknown`: not one of our cursors. */
export type ClaimedCursor = { readonly globalPosition: number; readonly tag: string | undefined } | 'unknown';

/** The part of a cursor that names its log: the first 12 hexadecimal digits of SHA-256 over the epoch. */
export function tagOf(epoch: string): string {
  return hash('sha256', epoch, 'hex').slice(0, tagDigits);
}

/** An event's id, which resumes after this global position of the log with this tag: `1234-7f9c2ba4e88f`. */
export function cursorId(globalPosition: number, tag: string): string {
  return `${globalPosition}-${tag}`;
}

/** Parses an id that a subscriber sends back. Never throws: anything else is `unknown`. */
export function parseCursor(text: string): ClaimedCursor {
  const [, digits, tag] = cursorText.exec(text) ?? [];
  const globalPosition = Number(digits);
  return Number.isSafeInteger(globalPosition) ? { globalPosition, tag } : 'unknown';
}
