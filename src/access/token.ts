import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Pattern of namespace ids. Ids never become file paths. */
export const namespaceIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const secretBytes = 32;
const secretPattern = /^[0-9a-f]{64}$/i;
const base64url = /^[A-Za-z0-9_-]+$/;

/** The namespace that a token names, or the format error. {@link sameHash} checks the secret. */
export type ParsedToken = { readonly namespace: string } | { readonly problem: string };

/** A new token for a namespace: `ns_`, its id in base64url, `_`, 64 hexadecimal digits of randomness. */
export function newToken(namespace: string): string {
  return `ns_${Buffer.from(namespace).toString('base64url')}_${randomBytes(secretBytes).toString('hex')}`;
}

/** Parses the namespace from a token. The last `_` separates the secret, because base64url may contain one too. */
export function parseToken(token: string): ParsedToken {
  if (!token.startsWith('ns_')) return { problem: 'a token begins with ns_' };
  const separator = token.lastIndexOf('_');
  if (separator < 3) return { problem: 'a token has a namespace and a secret, separated by _' };
  const encoded = token.slice(3, separator);
  if (!secretPattern.test(token.slice(separator + 1))) return { problem: 'the secret is 64 hexadecimal digits' };
  const namespace = Buffer.from(encoded, 'base64url').toString();
  // Node's decoder skips invalid characters, so the text is valid only if encoding it again gives the same.
  const isExact = base64url.test(encoded) && Buffer.from(namespace).toString('base64url') === encoded;
  return isExact ? { namespace } : { problem: 'the namespace is not base64url' };
}

/** The stored form of a token: hexadecimal SHA-256 of its whole text. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'hex');
}

/** Compares two token hashes in constant time. */
export function sameHash(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}

/** Compares two secrets in constant time. */
export function sameText(a: string, b: string): boolean {
  return sameHash(hashToken(a), hashToken(b));
}
