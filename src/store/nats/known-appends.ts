import type { Message, NewMessage } from '../../message/message.ts';
import type { AppendOutcome } from '../log.ts';
import { compareInTurns, judgeIds } from '../shared/known-ids.ts';
import type { LogStream } from './log-stream.ts';
import { messageHeaders, readMessage } from './stored-message.ts';
import { readFromPosition, walkBack } from './stream-walk.ts';
import { firstKnownOf } from './write-batch.ts';

/** Maximum number of messages of one stream searched for a repeated append. */
const maxLookedBack = 10_000;

/** An append that may be a retry. */
export type Repeated = { readonly stream: string; readonly messages: readonly NewMessage[] };

/** Checks an append without reading the log: an id may occur twice in it. */
export function judgeAlone({ stream, messages }: Repeated): AppendOutcome | undefined {
  const none = () => undefined;
  return judgeIds<AppendOutcome>(stream, messages, none, (_respelled, known) => known);
}

/** Checks a single message whose id the server knows, with the sequence number where it is stored. */
export async function judgeDuplicate(log: LogStream, append: Repeated, seq: number): Promise<AppendOutcome> {
  const stored = await log.at(seq);
  const found = stored && readMessage(stored, log.names.streamOf(stored.subject));
  return (await judgeBy(append, found === undefined ? [] : [found])) ?? borrowed(append.messages[0]!.id);
}

/** Checks an append with an id that the server knows without saying where it is: usually a retry, in its own stream. */
export async function judgeKnown(log: LogStream, append: Repeated): Promise<AppendOutcome> {
  const { stream, messages } = append;
  const wanted = new Set(messages.map(({ id }) => id));
  const places: number[] = [];
  await walkBack(log, stream, maxLookedBack, ({ seq, headers }) => {
    if (wanted.has(headers.get(messageHeaders.id))) places.push(seq);
    return places.length < messages.length;
  });
  const found: Message[] = [];
  for (const seq of places) {
    const stored = await log.at(seq);
    if (stored !== undefined) found.push(readMessage(stored, stream));
  }
  const outcome = await judgeBy(append, found);
  if (outcome !== undefined) return outcome;
  const given = messages.filter((message) => message.given).map(({ id }) => id);
  return borrowed((await firstKnownOf(log.link, log.names.scratch, given)) ?? messages[0]!.id);
}

/**
 * Checks an append whose expected version does not match. A retry is stored directly after the version it expected,
 * however old; other repeated ids are known within the server's duplicate window. Undefined: the append is new.
 */
export async function judgeRefused(
  log: LogStream,
  append: Repeated,
  expectedVersion: number,
): Promise<AppendOutcome | undefined> {
  const { stream, messages } = append;
  const given = messages.filter((message) => message.given).map(({ id }) => id);
  if (given.length === 0) return undefined;
  const behind = await readFromPosition(log, stream, expectedVersion + 1, messages.length);
  const outcome = await judgeBy(append, behind);
  if (outcome !== undefined) return outcome;
  const known = await firstKnownOf(log.link, log.names.scratch, given);
  return known === undefined ? undefined : judgeKnown(log, append);
}

async function judgeBy({ stream, messages }: Repeated, found: readonly Message[]): Promise<AppendOutcome | undefined> {
  const byId = new Map(found.map((message) => [message.id, message]));
  return judgeIds(stream, messages, (id) => byId.get(id), compareInTurns);
}

function borrowed(id: string): AppendOutcome {
  return { outcome: 'duplicate-id', id };
}
