import type { Message } from '../../message/message.ts';
import { isSameMessage } from '../../message/same-message.ts';
import type { ImportKey, ImportOutcome } from '../log.ts';
import type { MemoryLog } from './memory-log.ts';

/** The messages of a batch that the log does not have yet, or the outcome that tells why the batch cannot be put into it. */
export function newMessagesOf(log: MemoryLog, messages: readonly Message[]): readonly Message[] | ImportOutcome {
  const indexes = newIndexes(log, messages);
  if (!Array.isArray(indexes)) return indexes;
  return disorder(log, messages, indexes) ?? indexes.map((index) => messages[index]!);
}

function newIndexes(log: MemoryLog, messages: readonly Message[]): number[] | ImportOutcome {
  const byId = new Map<string, Message>();
  const globalPositions = new Set<number>();
  const positions = new Map<string, Set<number>>();
  const indexes: number[] = [];
  for (const [index, message] of messages.entries()) {
    const inStream = positions.getOrInsertComputed(message.stream, () => new Set());
    const exists = (field: ImportKey) => ({ outcome: 'position-exists', index, field }) as const;
    const earlier = byId.get(message.id) ?? messageOf(log, message.id);
    if (earlier !== undefined) {
      if (!isSameMessage(earlier, message)) return exists('id');
      continue;
    }
    if (globalPositions.has(message.globalPosition) || hasGlobalPosition(log, message)) return exists('globalPosition');
    if (inStream.has(message.position) || hasPosition(log, message)) return exists('position');
    byId.set(message.id, message);
    globalPositions.add(message.globalPosition);
    inStream.add(message.position);
    indexes.push(index);
  }
  return indexes;
}

function messageOf(log: MemoryLog, id: string): Message | undefined {
  const row = log.rowOfId(id);
  return row === -1 ? undefined : log.message(row);
}

/** Compares each message with its neighbours in its stream: those of the batch, and those of the log. */
function disorder(log: MemoryLog, messages: readonly Message[], indexes: readonly number[]): ImportOutcome | undefined {
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

function hasGlobalPosition(log: MemoryLog, { globalPosition }: Message): boolean {
  if (globalPosition > log.head) return false;
  const row = log.rowAt(globalPosition);
  return row !== undefined && log.table.globalPosition(row) === globalPosition;
}

function hasPosition(log: MemoryLog, { stream, position }: Message): boolean {
  const found = log.stream(stream);
  const row = found?.rows.at(log.indexOf(found, position));
  return row !== undefined && log.table.position(row) === position;
}

function isInOrder(log: MemoryLog, { stream, position, globalPosition }: Message): boolean {
  const rows = log.streamRows(stream);
  const index = globalPosition > log.head ? rows.length : log.indexAt(rows, globalPosition);
  const [before, behind] = [index === 0 ? undefined : rows.at(index - 1), rows.at(index)];
  if (before !== undefined && log.table.position(before) > position) return false;
  return behind === undefined || log.table.position(behind) > position;
}
