import type { Message } from '../../message/message.ts';
import type { ImportKey, ImportOutcome } from '../log.ts';
import type { MemoryLog } from './memory-log.ts';
import { firstNotBefore } from './row-list.ts';

/** Whether these messages can be put into the log: undefined when they can, else the outcome that tells why not. */
export function importRefusal(log: MemoryLog, messages: readonly Message[]): ImportOutcome | undefined {
  return repetition(log, messages) ?? disorder(log, messages);
}

function repetition(log: MemoryLog, messages: readonly Message[]): ImportOutcome | undefined {
  const ids = new Set<string>();
  const globalPositions = new Set<number>();
  const positions = new Map<string, Set<number>>();
  for (const [index, message] of messages.entries()) {
    const inStream = positions.getOrInsertComputed(message.stream, () => new Set());
    const exists = (field: ImportKey) => ({ outcome: 'position-exists', index, field }) as const;
    if (ids.has(message.id) || log.rowOfId(message.id) !== -1) return exists('id');
    if (globalPositions.has(message.globalPosition) || hasGlobalPosition(log, message)) return exists('globalPosition');
    if (inStream.has(message.position) || hasPosition(log, message)) return exists('position');
    ids.add(message.id);
    globalPositions.add(message.globalPosition);
    inStream.add(message.position);
  }
  return undefined;
}

/** Compares each message with its neighbours in its stream: those of the batch, and those of the log. */
function disorder(log: MemoryLog, messages: readonly Message[]): ImportOutcome | undefined {
  const inOrder = [...messages.keys()].sort((a, b) => messages[a]!.globalPosition - messages[b]!.globalPosition);
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
  return row < log.table.length && log.table.globalPosition(row) === globalPosition;
}

function hasPosition(log: MemoryLog, { stream, position }: Message): boolean {
  const found = log.stream(stream);
  const row = found?.rows.at(log.indexOf(found, position));
  return row !== undefined && log.table.position(row) === position;
}

function isInOrder(log: MemoryLog, { stream, position, globalPosition }: Message): boolean {
  const rows = log.streamRows(stream);
  const index = globalPosition > log.head ? rows.length : firstNotBefore(rows, log.rowAt(globalPosition));
  const [before, behind] = [index === 0 ? undefined : rows.at(index - 1), rows.at(index)];
  if (before !== undefined && log.table.position(before) > position) return false;
  return behind === undefined || log.table.position(behind) > position;
}
