import type { JsonText, Message, NewMessage } from '../../message/message.ts';
import { sameJson, sameJsonInTurns } from '../../message/same-json.ts';
import { charactersPerTurn, ownTurn } from '../../message/turns.ts';
import type { AppendOutcome } from '../log.ts';

/** Cost of comparing a payload, in addition to its characters. */
const perPayload = 256;

/**
 * Decides an append by its given ids: undefined if the log has none of them; `known` if all belong to the same
 * messages, so that a writer that lost the first answer gets it again; otherwise `duplicate-id`. Payloads spelled
 * differently are compared by the given function, which may take time: nothing is written in either case, and stored
 * messages do not change.
 */
export function judgeIds<Compared>(
  stream: string,
  messages: readonly NewMessage[],
  messageOf: (id: string) => Message | undefined,
  compare: (respelled: readonly Respelled[], known: AppendOutcome) => Compared,
): AppendOutcome | Compared | undefined {
  // Usually the server generates the ids.
  if (!messages.some(({ given }) => given)) return undefined;
  const seen = new Set<string>();
  const respelled: Respelled[] = [];
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
    if (!follows || known.stream !== stream || known.type !== message.type) return { outcome: 'duplicate-id', id };
    for (const member of ['data', 'metadata'] as const) {
      const [stored, given] = [known[member], message[member]];
      if (stored !== given) respelled.push({ id, stored, given });
    }
    last = known;
    knownCount++;
  }
  if (last === undefined) return undefined;
  // An append is stored as a whole, so partly known ids belong to another append.
  if (knownCount < messages.length) return { outcome: 'duplicate-id', id: last.id };
  const known = { outcome: 'known', position: last.position, globalPosition: last.globalPosition } as const;
  return respelled.length === 0 ? known : compare(respelled, known);
}

/** A payload spelled differently from the stored one of the same id. */
export type Respelled = { readonly id: string; readonly stored: JsonText | null; readonly given: JsonText | null };

/** Returns `known` if all payloads are equal as JSON. */
export function compareNow(respelled: readonly Respelled[], known: AppendOutcome): AppendOutcome {
  const other = respelled.find(({ stored, given }) => !sameJson(stored, given));
  return other === undefined ? known : { outcome: 'duplicate-id', id: other.id };
}

/** Like {@link compareNow}, but yields to the event loop between slices. */
export async function compareInTurns(respelled: readonly Respelled[], known: AppendOutcome): Promise<AppendOutcome> {
  let left = charactersPerTurn;
  for (const { id, stored, given } of respelled) {
    if (!(await sameJsonInTurns(stored, given))) return { outcome: 'duplicate-id', id };
    // Also counts payloads, as there may be many short ones.
    left -= perPayload + (stored?.length ?? 0);
    if (left > 0) continue;
    left = charactersPerTurn;
    await ownTurn();
  }
  return known;
}
