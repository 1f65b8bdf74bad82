/** Encodes any text as a key of letters, digits, hyphens and underscores; `=` with two digits escapes any other byte. */
export function encodeKey(text: string): string {
  if (text === '') return '=';
  const escaped = (sign: string) => Buffer.from(sign).toString('hex').replace(/../g, '=$&');
  return text.replace(/[^A-Za-z0-9_-]/gu, escaped);
}

/** Reverses {@link encodeKey}. */
export function decodeKey(key: string): string {
  return key === '=' ? '' : decodeURIComponent(key.replaceAll('=', '%'));
}

/** Encodes a text with slashes as a key with a token for each part, so that a pattern can select by the first parts. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeKey).join('.');
}

/** Reverses {@link encodePath}. */
export function decodePath(key: string): string {
  return key.split('.').map(decodeKey).join('/');
}
