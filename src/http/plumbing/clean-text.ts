/** Whatever a token may stand in. */
const tokenRun = /[A-Za-z0-9_%-]{20,}/g;

/** How a token begins; some encode the underscore. */
const tokenStart = /ns(?:_|%5f)/i;

/** How a token ends, also one that was cut short. */
const tokenEnd = /(?:_|%5f)[0-9a-f]{16,}/gi;

/** What is called a token or a ticket, in a query or where somebody took something else for one; not the period behind it. */
const namedPattern = /\b(token|ticket)(=|%3d)[^&;,\s"\\/?#<]*[^&;,\s"\\/?#<.]/gi;

/** One pass that finds nothing in most texts. */
const suspicious = /ns_|ns%5f|token|ticket/i;

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
  return text.replace(namedPattern, `$1$2${redacted}`).replace(tokenRun, withoutToken);
}

/** Whether the text holds something in the form of a token. */
export function holdsToken(text: string): boolean {
  return text.replace(tokenRun, withoutToken) !== text;
}

/** One pattern of the whole token would look for its end from each start, in the square of the length. */
function withoutToken(run: string): string {
  const start = tokenStart.exec(run);
  if (start === null) return run;
  const { index } = start;
  const rest = run.slice(index + start[0].length);
  const last = [...rest.matchAll(tokenEnd)].at(-1);
  if (last === undefined) return run;
  return run.slice(0, index) + redacted + rest.slice(last.index + last[0].length);
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

/** A text as it may stand in HTML: without credentials and control characters, and never markup. */
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
