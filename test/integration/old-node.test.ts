import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };

/** A Node on this machine that is older than the one that is needed. */
function findOldNode(): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
  return candidates.find((node) => {
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return status === 0 && Number(/^v(\d+)/.exec(stdout)?.[1]) < 26;
  });
}

const oldNode = findOldNode();
/** The package as it is published. */
const directory = mkdtempSync(join(tmpdir(), 'pokewire-package-'));

beforeAll(() => {
  if (oldNode === undefined) return;
  const outDir = join(directory, 'dist');
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', outDir], {
    cwd: root,
  });
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
});

afterAll(() => rmSync(directory, { recursive: true }));

test.skipIf(oldNode === undefined).each([[[]], [['--version']], [['export', '--help']]])(
  'On an older Node it says which one it needs, with the arguments %j (needs a Node below 26 on PATH).',
  (args) => {
    const { status, stdout, stderr } = spawnSync(oldNode!, [join(directory, 'dist/main.js'), ...args], {
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^pokewire: Pokewire needs Node 26 or newer; this is v\d+\.\d+\.\d+\.\n$/);
    expect([status, stdout]).toEqual([1, '']);
  },
);

test('The package asks for the same Node.', () => {
  expect(engines.node).toBe('>=26');
});
