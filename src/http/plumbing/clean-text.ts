/** A token wherever it stands, also one that was cut short: `ns_`, base64url, `_`, hexadecimal digits. */
const tokenPattern = /ns_[A-Za-z0-9_-]*_[0-9a-f]{16,}/gi;

/** What is called a token or a ticket, in a query or where somebody took something else for one; not the period behind it. */
const namedPattern = /\b(token|ticket)(=|%3d)[^&;,\s"\\/?#<]*[^&;,\s"\\/?#<.]/gi;

/** One pass that finds nothing in most texts. */
const suspicious = /ns_|token|ticket/i;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * A URL without any of these has neither credential nor control character: every name and token has a `k` or `_`, also where
 * a part of it is percent-encoded. Most requests are so spared the patterns (load: append --compare).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const uncommon = /[_k%\u0000-\u001f\u007f-\uffff]/i;

/** What stands in place of a credential. */
const redacted = '[redacted]';

/** The text without tokens and tickets. */
export function withoutCredentials(text: string): string {
  if (!suspicious.test(text)) return text;
  return text.replace(namedPattern, `$1$2${redacted}`).replace(tokenPattern, redacted);
}

/** Whether the text holds something in the form of a token. */
export function holdsToken(text: string): boolean {
  return text.search(tokenPattern) !== -1;
}

/** Whether the URL surely holds nothing that {@link cleanUrl} takes out; most do not. */
export function isCleanUrl(url: string): boolean {
  return !uncommon.test(url);
}

/** A URL as it may be logged and repeated: without credentials, control characters percent-encoded. */
export function cleanUrl(url: string): string {
  if (isCleanUrl(url)) return url;
  return withoutCredentials(url).replace(controlCharacters, percentEncoded);
}

/** JSON text that is safe to print: without credentials, and with C1 controls escaped, which JSON itself leaves alone. */
export function cleanJson(text: string): string {
  return withoutCredentials(text).replace(controlCharacters, (control) => `\\u${hex(control).padStart(4, '0')}`);
}

function percentEncoded(control: string): string {
  return `%${hex(control).padStart(2, '0').toUpperCase()}`;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16);
}
