import type { Message } from '../../message/message.ts';
import { isSameMessage, isSameMessageInTurns } from '../../message/same-message.ts';
import { charactersPerTurn, ownTurn } from '../../message/turns.ts';
import type { ImportKey, ImportOutcome } from '../log.ts';

/** What a log has where a batch is to be put. */
export type ImportTarget = {
  messageOf(id: string): Message | undefined;
  hasGlobalPosition(globalPosition: number): boolean;
  hasPosition(stream: string, position: number): boolean;
  /** Stream positions of the stream's last message before a global position and of its first one at or behind it. */
  neighbours(stream: string, globalPosition: number): readonly [before: number | undefined, behind: number | undefined];
};

/** What a message that is there already counts beside its characters. */
const perMessage = 256;

/** Whether a message of a batch, by its index, is the same as the one with its id that the log, or the batch before it, has. */
export type Repeats = ReadonlyMap<number, boolean>;

const none: Repeats = new Map();

/**
 * Compares the messages of a batch with those of the same ids while other work has its turns, so that {@link newMessagesOf} need not:
 * a batch of some MiB in another spelling takes 0.1 s. Messages that are stored meanwhile are compared as well.
 */
export async function repeatsOf(log: ImportTarget, messages: readonly Message[]): Promise<Repeats> {
  const repeats = new Map<number, boolean>();
  for (let compared = -1; compared < repeats.size; ) {
    compared = repeats.size;
    await compareMore(log, messages, repeats);
  }
  return repeats;
}

/** Adds those that are not among the repeats. */
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
 * The messages of a batch that the log does not have yet, or the outcome that tells why the batch cannot be put into it.
 * What `repeats` tells of those that have the id of another one still holds, as messages never change.
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

/** Compares each message with its neighbours in its stream: those of the batch, and those of the log. */
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
