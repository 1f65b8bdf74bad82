import { expect, test, vi } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { MemoryLog } from '../../src/store/memory/memory-log.ts';

const messages = 100_000;

function message(stream: string, position: number, globalPosition: number): Message {
  const id = `${stream}/${position}`;
  return { id, stream, type: 'T', position, globalPosition, data: '{}', metadata: null, timeMs: 0, timeNanos: 0 };
}

test('An import before a long log examines a few of its rows, not all of them.', () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  log.insert(Array.from({ length: messages }, (_, index) => message('late-1', index, 2 * index + 2)));
  const looks = [vi.spyOn(log.table, 'globalPosition'), vi.spyOn(log.table, 'position'), vi.spyOn(log.table, 'idHash')];

  log.insert([message('early-1', 0, 1), message('early-2', 0, messages + 1)]);

  expect(looks.reduce((sum, look) => sum + look.mock.calls.length, 0)).toBeLessThan(200);
  const inOrder = [0, 1, messages / 2, messages / 2 + 1, messages + 1].map((index) => log.everyRow.at(index)!);
  expect(inOrder.map((row) => log.message(row).globalPosition)).toEqual([1, 2, messages, messages + 1, 2 * messages]);
});
