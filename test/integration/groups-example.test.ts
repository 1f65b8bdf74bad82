import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startSqliteApp } from '../support/start-sqlite-app.ts';

const script = fileURLToPath(new URL('../../examples/groups/run.js', import.meta.url));

test('The example of groups loses nothing and keeps order while its workers are killed.', async () => {
  await using app = await startSqliteApp();
  const { stdout } = await promisify(execFile)(process.execPath, [script, app.url, '6', '2']);
  expect(stdout).toContain('killed worker-');
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^(\d+) of \1 handled, 0 out of order, 0 lost /);
});
