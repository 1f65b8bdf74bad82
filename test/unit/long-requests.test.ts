import { expect, test } from 'vitest';
import { Transfer } from '../../src/admission/transfers.ts';
import { parseCall } from '../../src/http/eventodb/call.ts';
import { ImportRun } from '../../src/http/routes/import-run.ts';
import { parseOutlineInTurns } from '../../src/message/long-json.ts';
import type { ImportSession } from '../../src/store/log.ts';
import { countTurns } from '../support/count-turns.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';
import { recordAt } from '../support/import-client.ts';

test('The payloads of a long call are checked in a separate turn, neither that of reading the call nor that of the next step.', async () => {
  const text = `["stream.get",${' '.repeat(1_000_000)}"a-1"]`;
  const outline = { levels: 1, isEmpty: () => false, maxMembers: 1, maxElements: 2 };
  const { turns } = await countTurns(() => parseOutlineInTurns(text, outline));
  const { turns: turnsOfCall } = await countTurns(() => parseCall(Buffer.from(text)));
  expect(turnsOfCall - turns).toBe(2);
});

test('Other work runs while the short lines of one batch are read.', async () => {
  const namespace = await new FakeStore({ pokes: pokePool() }).namespace('tenant');
  const session: ImportSession = {
    add: async () => ({ outcome: 'imported', known: 0 }),
    commit: async () => ({ outcome: 'committed' }),
    abort: async () => {},
  };
  const run = new ImportRun(session, new Transfer(namespace), { replace: false, allowIncomplete: true });
  const lines = Array.from({ length: 999 }, (_, index) => Buffer.from(recordAt(`a-1/${index}@${index + 1}`).trimEnd()));
  const { turns } = await countTurns(async () => {
    for (const line of lines) expect(await run.read(line)).toBeUndefined();
  });
  expect(run.isBatchFull).toBe(false);
  expect(turns).toBeGreaterThan(5);
});
