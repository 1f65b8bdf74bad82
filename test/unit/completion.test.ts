import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { completionOf, shells } from '../../src/cli/completion.ts';
import { commands } from '../../src/cli/help.ts';
import { flagsOf } from '../../src/cli/verb.ts';

const hasShell = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe.each(shells)('The script for %s', (shell) => {
  const script = completionOf(shell);

  test('contains every command and every flag.', () => {
    for (const command of commands()) {
      for (const word of command.name.split(' ')) expect(script).toContain(word);
      for (const { name } of flagsOf(command)) expect(script).toMatch(new RegExp(`(--|-l )${name}\\b`));
    }
  });

  test.skipIf(!hasShell(shell))('is valid for the shell (needs the shell).', () => {
    const { status, stderr } = spawnSync(shell, ['-n', '-c', script], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});

/** The completions that bash would offer after these words, the last of which is incomplete. */
function offered(...words: string[]): string[] {
  const script = `${completionOf('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pokewire; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', 'pokewire', ...words], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test.skipIf(!hasShell('bash'))('Bash offers commands, their flags, settings and values (needs bash).', () => {
  expect(offered('')).toEqual(expect.arrayContaining(['serve', 'append', 'read', 'token', 'store', 'help']));
  expect(offered('st')).toEqual(['streams', 'store']);
  expect(offered('store', '')).toEqual(['init']);
  expect(offered('token', 'cr')).toEqual(['create']);
  expect(offered('token', 'create', '--s')).toEqual(['--scope']);
  expect(offered('token', 'create', '--scope', '')).toEqual(['read', 'write', 'admin']);
  expect(offered('--po')).toEqual(
    ['--port', '--pooling', '--poke-pool-min', '--poke-pool-max'].filter((flag) => flag.startsWith('--po')),
  );
  expect(offered('--pooling', '')).toEqual(['on', 'off']);
  expect(offered('serve', '--port', '80', '--log-level', 'w')).toEqual(['warn']);
  expect(offered('completion', '')).toEqual([...shells]);
  expect(offered('read', '--li')).toEqual(['--limit']);
});
