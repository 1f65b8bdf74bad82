import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { endsWithParent } from '../support/with-parent.ts';

const script = `
  import { spawn } from 'node:child_process';
  import { withParent } from ${JSON.stringify(new URL('../support/with-parent.ts', import.meta.url).href)};
  spawn(...withParent('sleep', ['60']), { stdio: ['ignore', 'inherit', 'ignore'] });
  console.log('spawned');
  setTimeout(() => {}, 60_000);
`;

test.skipIf(!endsWithParent)(
  'A process that a test has started ends when the test run is killed.',
  { timeout: 30_000 },
  async () => {
    const args = ['--input-type=module', '--eval', script];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(parent.stdout, 'data');
    parent.kill('SIGKILL');
    // Emitted when both processes have closed their standard output.
    await once(parent, 'close');
    expect(parent.signalCode).toBe('SIGKILL');
  },
);
