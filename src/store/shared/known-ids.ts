import { sameJson } from '../../message/json-text.ts';
import type { Message, NewMessage } from '../../message/message.ts';
import type { AppendOutcome } from '../log.ts';

/**
 * What an append's given ids say of it: undefined when none is in the log, `known` when all of them are its own messages, so
 * that a writer who lost the first answer gets it again, else `duplicate-id`.
 */
export function judgeIds(
  stream: string,
  messages: readonly NewMessage[],
  messageOf: (id: string) => Message | undefined,
): AppendOutcome | undefined {
  const seen = new Set<string>();
  let last: Message | undefined;
  let knownCount = 0;
  for (const message of messages) {
    if (!message.given) continue;
    const { id } = message;
    if (seen.has(id)) return { outcome: 'duplicate-id', id };
    seen.add(id);
    const known = messageOf(id);
    if (known === undefined) continue;
    const follows = last === undefined || known.position === last.position + 1;
    if (!follows || !isRetry(known, stream, message)) return { outcome: 'duplicate-id', id };
    last = known;
    knownCount++;
  }
  if (last === undefined) return undefined;
  // A part of an append cannot have been stored, so this is another append that borrows ids.
  if (knownCount < messages.length) return { outcome: 'duplicate-id', id: last.id };
  return { outcome: 'known', position: last.position, globalPosition: last.globalPosition };
}

function isRetry(known: Message, stream: string, message: NewMessage): boolean {
  return (
    known.stream === stream &&
    known.type === message.type &&
    sameJson(known.data, message.data) &&
    sameJson(known.metadata, message.metadata)
  );
}
