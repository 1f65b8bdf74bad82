const longestText = 2_000;

/**
 * For `JSON.parse`: takes out of texts what a terminal would obey or show in another order. What a server says is printed,
 * and it may be anybody's server.
 */
export function printable(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, longestText).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ') : value;
}
