const longestText = 2_000;

/**
 * A reviver for `JSON.parse` that cuts long texts and replaces control and bidirectional characters with spaces.
 * Commands print what the server sends, and the server may be hostile.
 */
export function printable(_name: string, value: unknown): unknown {
  return typeof value === 'string' ? value.slice(0, longestText).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ') : value;
}
