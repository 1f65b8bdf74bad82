import { PokewireError } from '../../errors.ts';
import { skipSpace, skipValue, walkElements } from '../../message/json-text.ts';
import { isLong, maxMembers, type Outline } from '../../message/long-json.ts';
import { invalidBody, isPayload, kindOf, parseJsonBodyInTurns } from '../../message/new-message.ts';
import { checkPayload, maxBodyNesting } from '../../message/payload.ts';
import { ownTurn } from '../../message/turns.ts';

/** Content of `POST /rpc`: `[method, ...arguments]`. */
export type Call = {
  readonly method: string;
  /** Parsed arguments; undefined if missing. */
  readonly args: readonly unknown[];
  /** The whole body. */
  readonly text: string;
};

/** No method takes more than three arguments. */
const callOutline: Outline = {
  levels: 3,
  isEmpty: isPayload,
  maxMembers: maxMembers + 1,
  maxElements: 16,
};

/** Parses the envelope of a call; throws `INVALID_REQUEST`. Does not check that the method exists. */
export async function parseCall(body: Buffer | undefined): Promise<Call> {
  const { text, parsed } = await parseJsonBodyInTurns(body, 'a JSON array [method, ...arguments]', callOutline);
  if (isLong(text)) await ownTurn();
  checkPayload(text, 0, text.length, 'body', maxBodyNesting);
  if (isLong(text)) await ownTurn();
  if (parsed !== null && !Array.isArray(parsed)) {
    throw invalidBody(`must be an array [method, ...arguments], got ${kindOf(parsed)}`);
  }
  // EventoDB's test suites compare these two sentences.
  if (parsed === null || parsed.length === 0) throw new PokewireError('INVALID_REQUEST', 'Missing method name');
  const [method, ...args] = parsed as unknown[];
  if (typeof method !== 'string') throw new PokewireError('INVALID_REQUEST', 'Method name must be a string');
  return { method, args, text };
}

/** Index of the argument in the call's text. */
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
