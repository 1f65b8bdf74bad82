import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const fast = ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'];

/**
 * Files that take more than some 40 seconds, the longest first. A checkout without results of an earlier run would start them
 * last, because Vitest takes small files for quick ones, and one worker would end minutes after the others.
 */
const long = [
  'integration/delivery',
  'groups/simulation',
  'soak/soak',
  'nats/outages',
  'mutants/groups',
  'postgres/rollover',
  'nats/contract-replicated',
  'faults/attackers',
  'clients/resuming',
  'faults/groups',
  'postgres/faults',
  'mutants/settled-order',
  'postgres/group-nodes',
  'postgres/outages',
  'nats/partition',
  'model/delivery',
  'fuzz/storm',
  'postgres/contract',
  'postgres/contract-15',
  'integration/connections',
  'openapi/schemathesis',
  'mutants/mutants',
  'fuzz/slow-requests',
  'soak/clients',
  'clients/pokewire-client',
  'faults/crowds',
  'faults/log',
  'browser/pages',
  'proxies/outage',
  'chaos/chaos',
  'integration/reads',
  'faults/store',
  'crash/crash',
  'integration/process',
  'nats/rollover',
  'nats/contract',
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = long.findIndex((name) => moduleId.endsWith(name));
      return at === -1 ? long.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    // The default of one second is short for a busy machine. What must be fast is measured, not polled.
    expect: { poll: { timeout: 20_000 } },
    // One more than the two cores of CI: a third to half of their time nothing runs, because tests wait for deadlines and servers.
    maxWorkers: 3,
    projects: [
      // Most of these files take milliseconds: a process for each, which loads the source anew, took a third of the time.
      { extends: true, test: { name: 'fast', include: fast, pool: 'threads', isolate: false } },
      {
        extends: true,
        test: {
          name: 'rest',
          include: ['test/**/*.test.ts'],
          exclude: fast,
          globalSetup: 'test/support/run-folder.ts',
        },
      },
    ],
  },
});
