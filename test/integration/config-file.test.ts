import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SpokenProcess } from '../support/spoken-process.ts';

/** A folder with this file, deleted after the test. */
function folderWith(text: string, name = 'pokewire.yaml') {
  const path = mkdtempSync(join(tmpdir(), 'pokewire-'));
  writeFileSync(join(path, name), text);
  return { path, file: join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Output of a start that fails. */
async function run(args: string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  await using started = new SpokenProcess(args, env, { cwd });
  const code = await started.exit;
  return { code, stdout: started.stdout, stderr: started.stderr };
}

test('A start reads pokewire.yaml from its folder, and reports that.', async () => {
  using folder = folderWith('port: 0\nheartbeat-ms: 7000\n');
  await using server = new SpokenProcess([], {}, { cwd: folder.path });
  const url = await server.listening();
  const { heartbeatMs } = (await (await fetch(new URL('/diagnose/connection', url))).json()) as { heartbeatMs: number };
  expect(heartbeatMs).toBe(7_000);
  expect(server.logged('listening')).toMatchObject([{ configFile: 'pokewire.yaml' }]);
  await expect.poll(() => server.stderr, { timeout: 50_000 }).toContain('Settings are from pokewire.yaml.\n');
});

test('--config and POKEWIRE_CONFIG name another file, and an empty --config none.', async () => {
  using folder = folderWith('nonsense', 'pokewire.yaml');
  using other = folderWith('port: 9001\n', 'other.yaml');
  const portOf = async (args: string[], env = {}) =>
    /^port: .*$/m.exec((await run(['--print-config', ...args], folder.path, env)).stdout)?.[0];
  expect(await portOf(['--config', other.file])).toBe(`port: 9001  # ${other.file}:1`);
  expect(await portOf([], { POKEWIRE_CONFIG: other.file })).toBe(`port: 9001  # ${other.file}:1`);
  expect(await portOf(['--config='])).toBe('port: 8080  # default');
});

test('--check-config exits with 0 for valid settings, or reports the error of a start with exit code 2.', async () => {
  using folder = folderWith('port: 9000\nstore: oracle://me:s3cret@host/db\n');
  expect(await run(['--check-config'], folder.path)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'pokewire: pokewire.yaml:2: store must be memory:, sqlite:FILE, postgres://… or nats://…, got oracle:…\n',
  });
  expect(await run(['--check-config', '--store', 'sqlite:never-made.db'], folder.path)).toEqual({
    code: 0,
    stdout: 'The settings are valid.\n',
    stderr: '',
  });
  expect(await run(['--check-config', '--store', 'memory:', '--token', 'ns_x'], folder.path)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^pokewire: --token is malformed: [^\n]+\n$/),
  });
});

test.each([
  ['prot: 1', 'pokewire.yaml:1: unknown key "prot"; did you mean port?'],
  ['port: 99999', 'pokewire.yaml:1: port cannot be "99999".'],
  ['# ours\ntoken: s3cret', 'pokewire.yaml:2: token is malformed: a token begins with ns_'],
])('A start with %j in its file is refused in one line with exit code 2.', async (text, sentence) => {
  using folder = folderWith(text);
  const { code, stdout, stderr } = await run([], folder.path);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^pokewire: [^\n]+\n$/);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toContain('s3cret');
});

test('An unreadable file is named, and a file without settings is not read completely.', async () => {
  using folder = folderWith('x'.repeat(2_000_000), 'large.yaml');
  expect(await run(['--config', 'none.yaml'], folder.path)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'pokewire: The configuration file none.yaml cannot be read: ENOENT: no such file or directory.\n',
  });
  expect((await run(['--config', '.'], folder.path)).stderr).toMatch(/cannot be read: EISDIR: .*\.\n$/);
  expect((await run(['--config', 'large.yaml'], folder.path)).stderr).toBe(
    'pokewire: large.yaml is larger than 1048576 bytes.\n',
  );
});

test('The printed settings end silently when their pipe is closed.', async () => {
  using folder = folderWith('');
  await using started = new SpokenProcess(['--print-config'], {}, { cwd: folder.path, isDeaf: true });
  expect([await started.exit, started.stderr]).toEqual([0, '']);
});
