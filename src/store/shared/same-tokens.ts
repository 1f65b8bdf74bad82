import type { TokenRecord } from '../namespace-store.ts';

/** Whether these are the same tokens, in any order: those with the same ids are. */
export function sameTokens(a: readonly TokenRecord[], b: readonly TokenRecord[]): boolean {
  const ids = new Set(a.map(({ id }) => id));
  return a.length === b.length && b.every(({ id }) => ids.has(id));
}
