import { expect, test } from 'vitest';
import type { NewMessage } from '../../src/message/message.ts';
import { importTargetOf } from '../../src/store/memory/import-target.ts';
import { MemoryLog } from '../../src/store/memory/memory-log.ts';
import { newMessagesOf, repeatsOf } from '../../src/store/shared/import-batch.ts';
import { countTurns } from '../support/count-turns.ts';
import { messageAt } from '../support/imported-messages.ts';

const members = Array.from({ length: 50_000 }, (_, index) => [`name${index}`, index] as const);
const text = (ordered: readonly (readonly [string, number])[]) => JSON.stringify(Object.fromEntries(ordered));
const long = text(members);
const reversed = text(members.toReversed());
const others = [...members.slice(0, -1), ['name49999', 0] as const];

function message(id: string, data: string): NewMessage {
  return { id, given: true, type: 'T', data, metadata: null };
}

/** Outcome of a retry, and the number of turns of the event loop during it. */
async function retry(stored: NewMessage[], again: NewMessage[]) {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  for (const one of stored) log.append(log.openStream('a-1'), one, 0);
  const { result: outcome, turns } = await countTurns(async () => log.refusal('a-1', again, undefined));
  return { outcome, turns };
}

test('A retry of a long payload in another order is recognised, and other work runs during the comparison.', async () => {
  const { outcome, turns } = await retry([message('1', long)], [message('1', reversed)]);
  expect(outcome).toEqual({ outcome: 'known', position: 0, globalPosition: 1 });
  expect(turns).toBeGreaterThan(10);
});

test('A retry of many short payloads in another order lets other work run, too.', async () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => String(index));
  const { outcome, turns } = await retry(
    ids.map((id) => message(id, '{"a":1,"b":2}')),
    ids.map((id) => message(id, '{"b":2,"a":1}')),
  );
  expect(outcome).toEqual({ outcome: 'known', position: 4_999, globalPosition: 5_000 });
  expect(turns).toBeGreaterThan(10);
});

test('A long payload that differs only in its last member is a different message.', async () => {
  const { outcome } = await retry([message('1', long)], [message('1', text(others.toReversed()))]);
  expect(outcome).toEqual({ outcome: 'duplicate-id', id: '1' });
});

test('A repeated import of long payloads in another order is recognised, and other work runs during the comparison.', async () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  const places = ['a-1/0@1', 'a-1/1@2'];
  log.insert(places.map((place) => messageAt(place, { data: long })));
  const again = places.map((place) => messageAt(place, { data: reversed }));
  const { result: repeats, turns } = await countTurns(() => repeatsOf(importTargetOf(log), again));
  expect([...repeats]).toEqual(again.map((_message, index) => [index, true]));
  expect(newMessagesOf(importTargetOf(log), again, repeats)).toEqual([]);
  expect(turns).toBeGreaterThan(20);
});

test('Long payloads that are stored during the comparison of a batch are compared in slices, too.', async () => {
  const log = new MemoryLog({ bytes: 0, forgetsWhenFull: false });
  const [first, second] = ['a-1/0@1', 'a-1/1@2'].map((place) => messageAt(place, { data: long }));
  log.insert([first!]);
  // The second is looked up first, when the log does not contain it yet.
  const comparing = repeatsOf(importTargetOf(log), [
    { ...second!, data: reversed },
    { ...first!, data: reversed },
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
  const stored = messageAt('a-1/0@1', { data: long });
  log.insert([stored]);
  const other = { ...stored, data: text(others) };
  const repeats = await repeatsOf(importTargetOf(log), [other]);
  expect(repeats).toEqual(new Map([[0, false]]));
  expect(newMessagesOf(importTargetOf(log), [other], repeats)).toEqual({
    outcome: 'position-exists',
    index: 0,
    field: 'id',
  });
});
