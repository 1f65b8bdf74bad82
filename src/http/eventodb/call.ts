import { PokewireError } from '../../errors.ts';
import { maxNesting, skipSpace, skipValue, walkElements } from '../../message/json-text.ts';
import { invalidBody, kindOf, parseJsonBody } from '../../message/new-message.ts';

/** What `POST /rpc` carries: `[method, ...arguments]`. */
export type Call = {
  readonly method: string;
  /** Parsed; one that is not there is undefined. */
  readonly args: readonly unknown[];
  /** The whole body. */
  readonly text: string;
};

/** Only where a number has three digits of exponent, or very many digits, can it exceed the range of doubles. */
const mayExceedDouble = /[eE]\+?\d{3}|\d{200}/;

/** Reads the envelope of a call; throws `INVALID_REQUEST`. Whether there is such a method is not asked. */
export function parseCall(body: Buffer | undefined): Call {
  const { text, parsed } = parseJsonBody(body, 'a JSON array [method, ...arguments]');
  // Each level takes two characters, so that a short body needs no counting.
  if (text.length > maxNesting * 2) skipValue(text, skipSpace(text, 0));
  if (mayExceedDouble.test(text)) refuseLargeNumbers(text);
  if (parsed !== null && !Array.isArray(parsed)) {
    throw invalidBody(`must be an array [method, ...arguments], got ${kindOf(parsed)}`);
  }
  // EventoDB's suites compare these two sentences.
  if (parsed === null || parsed.length === 0) throw new PokewireError('INVALID_REQUEST', 'Missing method name');
  const [method, ...args] = parsed as unknown[];
  if (typeof method !== 'string') throw new PokewireError('INVALID_REQUEST', 'Method name must be a string');
  return { method, args, text };
}

/** Where in the call's text the argument begins. */
export function startOfArgument({ text }: Call, index: number): number {
  let start = 0;
  // The method's name is the first element.
  let left = index + 1;
  walkElements(text, skipSpace(text, 0), (at) => {
    if (left-- === 0) start = at;
    return skipValue(text, at);
  });
  return start;
}

// Payloads are kept as text, and most readers of EventoDB's wire cannot decode a number beyond doubles.
function refuseLargeNumbers(text: string): void {
  const tokens = /"|\d[\d.eE+-]*/g;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '"') tokens.lastIndex = skipValue(text, token.index);
    else if (!Number.isFinite(Number(token[0])))
      throw invalidBody(`has a number out of range: ${token[0].slice(0, 64)}`);
  }
}
