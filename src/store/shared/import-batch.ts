import type { Message } from '../../message/message.ts';
import { isSameMessage } from '../../message/same-message.ts';
import type { ImportKey, ImportOutcome } from '../log.ts';

/** What a log has where a batch is to be put. */
export type ImportTarget = {
  messageOf(id: string): Message | undefined;
  hasGlobalPosition(globalPosition: number): boolean;
  hasPosition(stream: string, position: number): boolean;
  /** Stream positions of the stream's last message before a global position and of its first one at or behind it. */
  neighbours(stream: string, globalPosition: number): readonly [before: number | undefined, behind: number | undefined];
};

/** The messages of a batch that the log does not have yet, or the outcome that tells why the batch cannot be put into it. */
export function newMessagesOf(log: ImportTarget, messages: readonly Message[]): readonly Message[] | ImportOutcome {
  const indexes = newIndexes(log, messages);
  if (!Array.isArray(indexes)) return indexes;
  return disorder(log, messages, indexes) ?? indexes.map((index) => messages[index]!);
}

function newIndexes(log: ImportTarget, messages: readonly Message[]): number[] | ImportOutcome {
  const byId = new Map<string, Message>();
  const globalPositions = new Set<number>();
  const positions = new Map<string, Set<number>>();
  const indexes: number[] = [];
  for (const [index, message] of messages.entries()) {
    const { id, stream, position, globalPosition } = message;
    const inStream = positions.getOrInsertComputed(stream, () => new Set());
    const exists = (field: ImportKey) => ({ outcome: 'position-exists', index, field }) as const;
    const earlier = byId.get(id) ?? log.messageOf(id);
    if (earlier !== undefined) {
      if (!isSameMessage(earlier, message)) return exists('id');
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
