import type { Message } from '../../message/message.ts';
import { isSameMessage, isSameMessageInTurns } from '../../message/same-message.ts';
import { charactersPerTurn, ownTurn } from '../../message/turns.ts';
import type { ImportKey, ImportOutcome } from '../log.ts';

/** The part of a log that the import of a batch uses. */
export type ImportTarget = {
  messageOf(id: string): Message | undefined;
  hasGlobalPosition(globalPosition: number): boolean;
  hasPosition(stream: string, position: number): boolean;
  /** Stream positions of the last message before a global position and of the first one at or after it. */
  neighbours(stream: string, globalPosition: number): readonly [before: number | undefined, behind: number | undefined];
};

/** Cost of comparing a message, in addition to its characters. */
const perMessage = 256;

/** For each message (by index) whose id exists in the log or earlier in the batch: whether the two are the same. */
export type Repeats = ReadonlyMap<number, boolean>;

const none: Repeats = new Map();

/**
 * Compares messages with existing ones of the same id, yielding to the event loop, so that {@link newMessagesOf} need
 * not: a batch of some MiB with different spelling takes 0.1 s. Also compares with messages stored in the meantime.
 */
export async function repeatsOf(log: ImportTarget, messages: readonly Message[]): Promise<Repeats> {
  const repeats = new Map<number, boolean>();
  for (let compared = -1; compared < repeats.size; ) {
    compared = repeats.size;
    await compareMore(log, messages, repeats);
  }
  return repeats;
}

/** Compares those that have no result yet. */
async function compareMore(
  log: ImportTarget,
  messages: readonly Message[],
  repeats: Map<number, boolean>,
): Promise<void> {
  const byId = new Map<string, Message>();
  let left = charactersPerTurn;
  for (const [index, message] of messages.entries()) {
    if (repeats.has(index)) continue;
    const earlier = byId.get(message.id) ?? log.messageOf(message.id);
    if (earlier === undefined) {
      byId.set(message.id, message);
      continue;
    }
    repeats.set(index, await isSameMessageInTurns(earlier, message));
    left -= perMessage + message.data.length + (message.metadata?.length ?? 0);
    if (left > 0) continue;
    left = charactersPerTurn;
    await ownTurn();
  }
}

/**
 * The messages of a batch that the log does not have yet, or the outcome that explains why the batch is invalid.
 * Results in `repeats` stay valid, because messages never change.
 */
export function newMessagesOf(
  log: ImportTarget,
  messages: readonly Message[],
  repeats = none,
): readonly Message[] | ImportOutcome {
  const indexes = newIndexes(log, messages, repeats);
  if (!Array.isArray(indexes)) return indexes;
  return disorder(log, messages, indexes) ?? indexes.map((index) => messages[index]!);
}

function newIndexes(log: ImportTarget, messages: readonly Message[], repeats: Repeats): number[] | ImportOutcome {
  const byId = new Map<string, Message>();
  const globalPositions = new Set<number>();
  const positions = new Map<string, Set<number>>();
  const indexes: number[] = [];
  for (const [index, message] of messages.entries()) {
    const isRepeat = repeats.get(index);
    if (isRepeat) continue;
    const { id, stream, position, globalPosition } = message;
    const inStream = positions.getOrInsertComputed(stream, () => new Set());
    const exists = (field: ImportKey) => ({ outcome: 'position-exists', index, field }) as const;
    const earlier = byId.get(id) ?? log.messageOf(id);
    if (earlier !== undefined) {
      if (isRepeat === false || !isSameMessage(earlier, message)) return exists('id');
      continue;
    }
    if (globalPositions.has(globalPosition) || log.hasGlobalPosition(globalPosition)) return exists('globalPosition');
    if (inStream.has(position) || log.hasPosition(stream, position)) return exists('position');
    byId.set(id, message);
    globalPositions.add(globalPosition);
    inStream.add(position);
    indexes.push(index);
  }
  return indexes;
}

/** Compares each message with its neighbours in the stream, both in the batch and in the log. */
function disorder(
  log: ImportTarget,
  messages: readonly Message[],
  indexes: readonly number[],
): ImportOutcome | undefined {
  const inOrder = indexes.toSorted((a, b) => messages[a]!.globalPosition - messages[b]!.globalPosition);
  const previous = new Map<string, number>();
  let atFault = messages.length;
  for (const index of inOrder) {
    const message = messages[index]!;
    const before = previous.get(message.stream);
    if (before !== undefined && messages[before]!.position > message.position) {
      atFault = Math.min(atFault, Math.max(before, index));
    }
    if (!isInOrder(log, message)) atFault = Math.min(atFault, index);
    previous.set(message.stream, index);
  }
  return atFault === messages.length ? undefined : { outcome: 'out-of-order', index: atFault };
}

function isInOrder(log: ImportTarget, { stream, position, globalPosition }: Message): boolean {
  const [before, behind] = log.neighbours(stream, globalPosition);
  if (before !== undefined && before > position) return false;
  return behind === undefined || behind > position;
}
