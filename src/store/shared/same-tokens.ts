import type { TokenRecord } from '../namespace-store.ts';

/** Whether two lists contain the same tokens in any order. Tokens are equal if their ids are. */
export function sameTokens(a: readonly TokenRecord[], b: readonly TokenRecord[]): boolean {
  const ids = new Set(a.map(({ id }) => id));
  return a.length === b.length && b.every(({ id }) => ids.has(id));
}
