import { expect, test } from 'vitest';
import { MessageTable } from '../../src/store/memory/message-table.ts';
import { newMessage } from '../support/fake-messages.ts';

const mostRows = 4_294_966_272;

/** Adds messages with distinct types and global positions; returns their rows. */
function add(table: MessageTable, first: number, count: number): number[] {
  return Array.from({ length: count }, (_value, index) => {
    const globalPosition = first + index;
    const place = { globalPosition, position: index, timeMs: 0, stream: 1, idHash: 2 };
    return table.append(newMessage({ type: `T${globalPosition}` }), place);
  });
}

const read = (table: MessageTable, rows: readonly number[]) =>
  rows.map((row) => [table.globalPosition(row), table.type(row)]);

test('Row numbers start again at 0 after the largest number.', () => {
  const table = new MessageTable(mostRows - 2_048 - 1);
  const old = add(table, 1, 2_048);
  const again = add(table, 3_000, 2_000);
  expect([old.at(-1), again[0], again.at(-1)]).toEqual([mostRows - 1, 0, 1_999]);
  for (const row of again.slice(0, 1_500)) table.remove(row);
  expect(read(table, [old[0]!, old.at(-1)!, again.at(-1)!])).toEqual([
    [1, 'T1'],
    [2_048, 'T2048'],
    [4_999, 'T4999'],
  ]);
});

test('A removed row leaves nothing of its text in memory.', () => {
  const table = new MessageTable();
  const place = { globalPosition: 1, position: 0, timeMs: 0, stream: 1, idHash: 2 };
  const row = table.append(newMessage({ data: '"secret"' }), place);
  expect(table.bytes(row)).toBe(table.addedBytes);
  table.remove(row);
  expect(table.append(newMessage({ data: '"s"' }), place)).not.toBe(row);
  expect([table.data(row).includes('secret'), table.length]).toEqual([false, 1]);
});
