import { defineConfig } from 'vitest/config';

const fast = ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // One more than the two cores of CI: a third to half of their time nothing runs, because tests wait for deadlines and servers.
    maxWorkers: 3,
    projects: [
      // Most of these files take milliseconds: a process for each, which loads the source anew, took a third of the time.
      { extends: true, test: { name: 'fast', include: fast, pool: 'threads', isolate: false } },
      { extends: true, test: { name: 'rest', include: ['test/**/*.test.ts'], exclude: fast } },
    ],
  },
});
