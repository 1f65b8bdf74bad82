/** Characters that a token can consist of. */
const tokenRun = /[A-Za-z0-9_%-]{20,}/g;

/** Start of a token. Some clients encode the underscore. */
const tokenStart = /ns(?:_|%5f)/i;

/** End of a token, even if cut short. */
const tokenEnd = /(?:_|%5f)[0-9a-f]{16,}/gi;

/** The value of a parameter named token or ticket, in a query or elsewhere in a text, without a period that ends a sentence. */
const namedPattern = /\b(token|ticket)(=|%3d)[^&;,\s"\\/?#<]*[^&;,\s"\\/?#<.]/gi;

/** Fast check that excludes most texts. */
const suspicious = /ns_|ns%5f|token|ticket/i;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * A URL without any of these contains neither a credential nor a control character: every parameter name and token has
 * a `k` or `_`, unless percent-encoded. Spares most requests the patterns below (load: append --compare).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const uncommon = /[_k%\u0000-\u001f\u007f-\uffff]/i;

/** Replaces a credential. */
const redacted = '[redacted]';

/** Removes tokens and tickets from a text. */
export function withoutCredentials(text: string): string {
  if (!suspicious.test(text)) return text;
  return text.replace(namedPattern, `$1$2${redacted}`).replace(tokenRun, withoutToken);
}

/** Whether the text contains something in the form of a token. */
export function holdsToken(text: string): boolean {
  return text.replace(tokenRun, withoutToken) !== text;
}

/** A single pattern for the whole token would search for its end from each start, in quadratic time. */
function withoutToken(run: string): string {
  const start = tokenStart.exec(run);
  if (start === null) return run;
  const { index } = start;
  const rest = run.slice(index + start[0].length);
  const last = [...rest.matchAll(tokenEnd)].at(-1);
  if (last === undefined) return run;
  return run.slice(0, index) + redacted + rest.slice(last.index + last[0].length);
}

/** Whether the URL certainly contains nothing for {@link cleanUrl} to remove, as most do. */
export function isCleanUrl(url: string): boolean {
  return !uncommon.test(url);
}

/** A URL that is safe to log and repeat: without credentials, control characters percent-encoded. */
export function cleanUrl(url: string): string {
  if (isCleanUrl(url)) return url;
  return withoutCredentials(url).replace(controlCharacters, percentEncoded);
}

/** JSON text that is safe to print: without credentials, and with C1 controls escaped, which JSON leaves as they are. */
export function cleanJson(text: string): string {
  return withoutCredentials(text).replace(controlCharacters, (control) => `\\u${hex(control).padStart(4, '0')}`);
}

/** A text that is safe in HTML: without credentials, control characters and markup. */
export function cleanHtml(text: string): string {
  return withoutCredentials(text)
    .replace(controlCharacters, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function percentEncoded(control: string): string {
  return `%${hex(control).padStart(2, '0').toUpperCase()}`;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16);
}
