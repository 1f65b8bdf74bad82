import { ownTurn } from '../../message/turns.ts';
import type { Kept, RetentionRule } from '../retention.ts';
import type { ByteBudget } from '../shared/byte-budget.ts';
import { type Amount, OldestFirst, type SliceBounds } from '../shared/retention-rules.ts';
import type { MemoryLog } from './memory-log.ts';

/** Maximum number of messages erased in one slice. */
const sliceMessages = 1_000;

/** Bounds of one slice of retention, which blocks the event loop. */
export const slice: SliceBounds = { maxMessages: 1_000, pieceMessages: 1_000, maxMs: 3 };

/** Maximum number of messages counted to evaluate a rule; counted in slices that yield to the event loop. */
const maxCounted = 1_048_576;
const countedPerTurn = 8_192;

/** Deletes the oldest messages that the rule no longer keeps, up to a maximum. */
export function forgetFrom(
  budget: ByteBudget,
  log: MemoryLog,
  { category, limits }: RetentionRule,
  most: number,
  nowMs: number,
): Amount {
  const oldest = new OldestFirst(limits, amountOf(log, category), nowMs);
  const rows = category === undefined ? log.everyRow : log.categoryRows(category);
  const { table } = log;
  const gone: number[] = [];
  while (gone.length < most) {
    const row = rows.at(gone.length);
    if (row === undefined || !oldest.takes(table.timeMs(row), table.bytes(row))) break;
    gone.push(row);
  }
  return removeFrom(budget, log, gone, true);
}

/** Deletes this many of the oldest messages, regardless of rules. */
export function forgetOldest(budget: ByteBudget, log: MemoryLog, count: number): void {
  const gone = Array.from({ length: Math.min(count, log.everyRow.length) }, (_value, index) => log.everyRow.at(index)!);
  removeFrom(budget, log, gone, true);
}

/** Erases messages of a stream in slices, because there may be many. Looks the log up again after each slice. */
export async function eraseFrom(
  budget: ByteBudget,
  logNow: () => MemoryLog,
  name: string,
  position: number | undefined,
): Promise<number> {
  const first = logNow();
  const end = position === undefined ? first.version(name) : position;
  let erased = 0;
  for (let log = first; ; log = logNow()) {
    const stream = log.stream(name);
    if (stream === undefined) return erased;
    const from = log.indexOf(stream, position ?? 0);
    const rows: number[] = [];
    for (let index = from; rows.length < sliceMessages; index++) {
      const row = stream.rows.at(index);
      if (row === undefined || log.table.position(row) > end) break;
      rows.push(row);
    }
    removeFrom(budget, log, rows, false);
    erased += rows.length;
    if (rows.length < sliceMessages) return erased;
    await ownTurn();
  }
}

/** The messages that the rule covers and those that it would delete. */
export async function keptOf(
  logNow: () => MemoryLog,
  { category, limits }: RetentionRule,
  nowMs: number,
): Promise<Kept> {
  const log = logNow();
  const amount = amountOf(log, category);
  const oldest = new OldestFirst(limits, amount, nowMs);
  const rows = category === undefined ? log.everyRow : log.categoryRows(category);
  const first = rows.at(0);
  const oldestMs = first === undefined ? undefined : log.table.timeMs(first);
  let after = 0;
  let isWhole = false;
  for (let counted = 0; counted < maxCounted && !isWhole; counted += countedPerTurn) {
    if (counted > 0) await ownTurn();
    const { table } = logNow();
    const from = log.indexAt(rows, after + 1);
    for (let index = from; index < from + countedPerTurn; index++) {
      const row = rows.at(index);
      isWhole = row === undefined || !oldest.takes(table.timeMs(row), table.bytes(row));
      if (row === undefined || isWhole) break;
      after = table.globalPosition(row);
    }
  }
  const { messages, bytes } = oldest.left;
  const excess = { messages: amount.messages - messages, bytes: amount.bytes - bytes, isWhole };
  return { ...amount, oldestMs, excess };
}

function amountOf(log: MemoryLog, category: string | undefined): Amount {
  if (category === undefined) return { messages: log.table.length, bytes: log.messageBytes };
  const found = log.category(category);
  return { messages: found?.rows.length ?? 0, bytes: found?.bytes ?? 0 };
}

function removeFrom(budget: ByteBudget, log: MemoryLog, rows: readonly number[], forgotten: boolean): Amount {
  if (rows.length === 0) return { messages: 0, bytes: 0 };
  const bytes = log.remove(rows, forgotten);
  if (forgotten) budget.forget(log, rows.length, bytes);
  else budget.give(log, bytes);
  return { messages: rows.length, bytes };
}
