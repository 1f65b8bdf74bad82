import { hash } from 'node:crypto';

/** Hexadecimal digits of an epoch that a cursor carries: 48 bits tell any two logs of a subscriber apart. */
const tagDigits = 12;

const cursorText = /^(\d{1,16})(?:-([0-9a-f]{12}))?$/;

/** The cursor that a subscriber claims. `tag` names its log; undefined for a bare number. `unknown`: not one of our cursors. */
export type ClaimedCursor = { readonly globalPosition: number; readonly tag: string | undefined } | 'unknown';

/** The part of a cursor that names the log: the first 12 hexadecimal digits of SHA-256 over its epoch. */
export function tagOf(epoch: string): string {
  return hash('sha256', epoch, 'hex').slice(0, tagDigits);
}

/** An event's id, which resumes behind this global position of the log with this tag: `1234-7f9c2ba4e88f`. */
export function cursorId(globalPosition: number, tag: string): string {
  return `${globalPosition}-${tag}`;
}

/** Parses an id that a subscriber sends back. Never throws: anything that is not ours is `unknown`. */
export function parseCursor(text: string): ClaimedCursor {
  const [, digits, tag] = cursorText.exec(text) ?? [];
  const globalPosition = Number(digits);
  return Number.isSafeInteger(globalPosition) ? { globalPosition, tag } : 'unknown';
}
