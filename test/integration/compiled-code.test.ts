import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;

/** The package in a separate folder, with a writable `node_modules`. */
function packageFolder() {
  const path = mkdtempSync(join(tmpdir(), 'pokewire-package-'));
  cpSync(join(root, 'package.json'), join(path, 'package.json'));
  cpSync(join(root, 'src'), join(path, 'src'), { recursive: true });
  const modules = join(path, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  return { path, cache: join(modules, '.cache'), [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Runs a command whose code is loaded after the cache was enabled. */
function runHelp(path: string) {
  const env = { PATH: process.env.PATH };
  return spawnSync(process.execPath, [join(path, 'src/main.ts'), 'export', '--help'], { encoding: 'utf8', env });
}

test('Compiled code is stored in the node_modules of the package, and nowhere else.', () => {
  using folder = packageFolder();
  const before = readdirSync(folder.path);
  expect(runHelp(folder.path)).toMatchObject({ status: 0, stderr: '' });
  const versions = readdirSync(join(folder.cache, 'pokewire'));
  expect(versions).toHaveLength(1);
  expect(readdirSync(join(folder.cache, 'pokewire', versions[0]!)).length).toBeGreaterThan(0);
  expect(readdirSync(folder.path)).toEqual(before);
});

test('If compiled code cannot be cached, commands run without mentioning it.', () => {
  using folder = packageFolder();
  writeFileSync(folder.cache, 'A file: no folder can be made here.');
  expect(runHelp(folder.path)).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(join(folder.cache, 'pokewire'))).toBe(false);
});
