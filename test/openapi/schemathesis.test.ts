import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startSqliteApp } from '../support/start-sqlite-app.ts';

const hasSchemathesis = spawnSync('schemathesis', ['--version'], { stdio: 'ignore' }).status === 0;

const folder = fileURLToPath(new URL('./schemathesis/', import.meta.url));

test.skipIf(!hasSchemathesis)(
  'The server answers as the description says, whatever Schemathesis makes of it (needs schemathesis on PATH).',
  async () => {
    const token = `ns_ZGVmYXVsdA_${'a'.repeat(64)}`;
    await using app = await startSqliteApp(['--auth', 'token', '--token', token]);
    const directory = mkdtempSync(join(tmpdir(), 'pokewire-schemathesis-'));
    const child = spawn(
      'schemathesis',
      [
        `--config-file=${join(folder, 'schemathesis.toml')}`,
        'run',
        `${app.url}/openapi.json`,
        `--header=Authorization: Bearer ${token}`,
        '--phases=examples,coverage,fuzzing',
        // One worker and no random numbers: the same requests in every run.
        '--workers=1',
        '--generation-deterministic',
        '--max-examples=8',
        '--request-timeout=10',
        '--no-color',
      ],
      { cwd: directory, env: { ...process.env, SCHEMATHESIS_HOOKS: join(folder, 'hooks.py') }, timeout: 100_000 },
    );
    const [output, problems, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    rmSync(directory, { recursive: true });
    expect(code, output + problems).toBe(0);
  },
);
