import { describe } from 'vitest';
import { pokePool } from '../support/fake-messages.ts';
import { describeAppends } from './appends.ts';
import { describeBounds } from './bounds.ts';
import { describeCapabilities } from './capabilities.ts';
import { describeClock } from './clock.ts';
import { describeErasure } from './erasure.ts';
import { describeFollowing } from './following.ts';
import { describeFullStore } from './full-store.ts';
import { describeGroupRaces } from './group-races.ts';
import { describeGroupRecords } from './group-records.ts';
import { describeImportBatches } from './import-batches.ts';
import { describeImports } from './imports.ts';
import { describeKnownImports } from './known-imports.ts';
import { describeLastOfSelection } from './last-of-selection.ts';
import { describeLimits } from './limits.ts';
import { describeLists } from './lists.ts';
import { describeLogReads } from './log-reads.ts';
import { describeNamespaceChanges } from './namespace-changes.ts';
import { describeNamespaceLimits } from './namespace-limits.ts';
import { describeNamespaces } from './namespaces.ts';
import type { StoreHarness } from './opened-store.ts';
import { describePokes } from './pokes.ts';
import { describeRemovals } from './removals.ts';
import { describeReopening } from './reopening.ts';
import { describeRepeatedAppends } from './repeated-appends.ts';
import { describeReplacements } from './replacements.ts';
import { describeRetention } from './retention.ts';
import { describeSecondHandle } from './second-handle.ts';
import { describeSettledHead } from './settled-head.ts';
import { describeShares } from './shares.ts';
import { describeStreamReads } from './stream-reads.ts';
import { noLimits, Suite } from './suite.ts';

const aboutMessages = [
  describeAppends,
  describeRepeatedAppends,
  describeFullStore,
  describeShares,
  describeStreamReads,
  describeLogReads,
  describePokes,
  describeLastOfSelection,
  describeLimits,
  describeLists,
  describeBounds,
  describeFollowing,
  describeImports,
  describeImportBatches,
  describeKnownImports,
  describeReplacements,
  describeRemovals,
  describeRetention,
  describeErasure,
  describeReopening,
  describeSecondHandle,
  describeSettledHead,
];

/**
 * The contract of `src/store/` for a store, its logs and its namespaces. Every store runs it. Cases that a store cannot
 * pass by its capabilities are relaxed, or skipped with the missing capability in the title.
 */
export function describeStore(name: string, harness: StoreHarness): void {
  describeParts(name, harness, (suite) => {
    describeNamespaceStore(suite);
    suite.describe('Messages:', ['appends'], () => {
      for (const describePart of aboutMessages) describePart(suite);
    });
  });
  // Alone, even where other cases run at the same time.
  const alone = { ...harness, isConcurrent: false };
  describeParts(name, alone, (suite) => suite.describe('Messages:', ['appends'], () => describeClock(suite)));
}

/** The cases about namespaces, for a store that shares its logs with one that runs all cases. */
export function describeNamespacesOf(name: string, harness: StoreHarness): void {
  describeParts(name, harness, describeNamespaceStore);
}

function describeNamespaceStore(suite: Suite): void {
  describeCapabilities(suite);
  describeNamespaces(suite);
  describeNamespaceChanges(suite);
  describeNamespaceLimits(suite);
  describeGroupRecords(suite);
  describeGroupRaces(suite);
}

function describeParts(name: string, harness: StoreHarness, describeAll: (suite: Suite) => void): void {
  describe(name, { concurrent: harness.isConcurrent === true }, async () => {
    const opened = await harness.open({ pokes: pokePool(), ...noLimits });
    const suite = new Suite(harness, opened);
    await opened.close();
    describeAll(suite);
  });
}
