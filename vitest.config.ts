import { defineConfig } from 'vitest/config';

const fast = ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Two cores: more files at once would only slow each other down.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'fast', include: fast } },
      { extends: true, test: { name: 'rest', include: ['test/**/*.test.ts'], exclude: fast } },
    ],
  },
});
