import { expect } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import type { ImportOutcome } from '../../src/store/log.ts';
import type { WholeLog } from './whole-log.ts';

/** Outcome of an accepted batch. */
export const imported = { outcome: 'imported', known: 0 } as const;

/** Imports batch by batch; resolves to the outcomes. */
export async function importInto(
  { log }: WholeLog,
  batches: readonly (readonly Message[])[],
): Promise<ImportOutcome[]> {
  const session = await log.beginImport();
  const outcomes = [];
  for (const batch of batches) outcomes.push(await session.add(batch));
  expect(await session.commit()).toEqual({ outcome: 'committed' });
  return outcomes;
}
