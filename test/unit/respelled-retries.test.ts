import { expect, test } from 'vitest';
import type { NewMessage } from '../../src/message/message.ts';
import { importTargetOf } from '../../src/store/memory/import-target.ts';
import { MemoryLog } from '../../src/store/memory/memory-log.ts';
import { newMessagesOf, repeatsOf } from '../../src/store/shared/import-batch.ts';
import { countTurns } from '../support/count-turns.ts';
import { messageAt } from '../support/imported-messages.ts';

const members = Array.from({ length: 50_000 }, (_, index) => [`name${index}`, index] as const);

function message(id: string, data: unknown): NewMessage {
  return { id, given: true, type: 'T', data: JSON.stringify(data), metadata: null };
}

/** Outcome of a retry, and the number of turns of the event loop during it. */
async function retry(stored: NewMessage[], again: NewMessage[]) {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  for (const one of stored) log.append(log.openStream('a-1'), one, 0);
  const { result: outcome, turns } = await countTurns(async () => log.refusal('a-1', again, undefined));
  return { outcome, turns };
}

test('A retry of a long payload in another order is recognised, and other work runs during the comparison.', async () => {
  const stored = message('1', Object.fromEntries(members));
  const { outcome, turns } = await retry([stored], [message('1', Object.fromEntries(members.toReversed()))]);
  expect(outcome).toEqual({ outcome: 'known', position: 0, globalPosition: 1 });
  expect(turns).toBeGreaterThan(10);
});

test('A retry of many short payloads in another order lets other work run, too.', async () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => String(index));
  const { outcome, turns } = await retry(
    ids.map((id) => message(id, { a: 1, b: 2 })),
    ids.map((id) => message(id, { b: 2, a: 1 })),
  );
  expect(outcome).toEqual({ outcome: 'known', position: 4_999, globalPosition: 5_000 });
  expect(turns).toBeGreaterThan(10);
});

test('A long payload that differs only in its last member is a different message.', async () => {
  const other = [...members.slice(0, -1), ['name49999', 0] as const].toReversed();
  const { outcome } = await retry(
    [message('1', Object.fromEntries(members))],
    [message('1', Object.fromEntries(other))],
  );
  expect(outcome).toEqual({ outcome: 'duplicate-id', id: '1' });
});

test('A repeated import of long payloads in another order is recognised, and other work runs during the comparison.', async () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  const places = Array.from({ length: 10 }, (_, index) => `a-1/${index}@${index + 1}`);
  const record = (place: string, data: readonly (readonly [string, number])[]) =>
    messageAt(place, { data: JSON.stringify(Object.fromEntries(data)) });
  log.insert(places.map((place) => record(place, members)));
  const again = places.map((place) => record(place, members.toReversed()));
  const { result: repeats, turns } = await countTurns(() => repeatsOf(importTargetOf(log), again));
  expect([...repeats]).toEqual(again.map((_message, index) => [index, true]));
  expect(newMessagesOf(importTargetOf(log), again, repeats)).toEqual([]);
  expect(turns).toBeGreaterThan(100);
});

test('Long payloads that are stored during the comparison of a batch are compared in slices, too.', async () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  const [first, second] = ['a-1/0@1', 'a-1/1@2'].map((place) =>
    messageAt(place, { data: JSON.stringify(Object.fromEntries(members)) }),
  );
  log.insert([first!]);
  const data = JSON.stringify(Object.fromEntries(members.toReversed()));
  // The second is looked up first, when the log does not contain it yet.
  const comparing = repeatsOf(importTargetOf(log), [
    { ...second!, data },
    { ...first!, data },
  ]);
  log.insert([second!]);
  expect(await comparing).toEqual(
    new Map([
      [0, true],
      [1, true],
    ]),
  );
});

test('A long payload that was found to differ is not compared again immediately.', async () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  const stored = messageAt('a-1/0@1', { data: JSON.stringify(Object.fromEntries(members)) });
  log.insert([stored]);
  const other = { ...stored, data: JSON.stringify({ ...Object.fromEntries(members), name49999: 0 }) };
  const repeats = await repeatsOf(importTargetOf(log), [other]);
  expect(repeats).toEqual(new Map([[0, false]]));
  expect(newMessagesOf(importTargetOf(log), [other], repeats)).toEqual({
    outcome: 'position-exists',
    index: 0,
    field: 'id',
  });
});
