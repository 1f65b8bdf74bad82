import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newestBounds, newestResults } from '../../load/lib/result-files.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

test('A comparison of two work trees is neither the newest run with all bounds nor the newest result of a scenario.', () => {
  using folder = new TemporaryFolder();
  const write = (name: string, ...scenarios: string[]) =>
    writeFileSync(
      folder.file(name),
      JSON.stringify({ date: name, results: scenarios.map((scenario) => ({ scenario })) }),
    );
  write('2026-01-01T000000-all.json', 'append', 'fan-out');
  write('2026-01-02T000000-bounds.json', 'append');
  write('2026-01-03T000000-all.json', 'append (there)', 'append (here)');
  expect(newestBounds(folder.path)?.date).toBe('2026-01-02T000000-bounds.json');
  expect([...newestResults(folder.path).keys()]).toEqual(['append', 'fan-out']);
});
