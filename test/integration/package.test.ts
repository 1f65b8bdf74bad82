import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyWith } from '../mutants/mutant.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';

type Manifest = {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
};

const root = join(import.meta.dirname, '../..');
const { version, engines, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const modules = Object.entries(exports).filter(([name]) => !name.endsWith('.json'));
const sources = ['src', 'docs', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.client.json', 'build-assets.ts'];
const texts = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'];

let folder: TemporaryFolder;
let installed: string;

// As npm publishes and installs it.
beforeAll(async () => {
  folder = await copyWith(undefined, [...sources, ...texts]);
  execFileSync('npm', ['pack', '--silent'], { cwd: folder.path });
  execFileSync('tar', ['-xzf', `pokewire-${version}.tgz`], { cwd: folder.path });
  installed = folder.file('package');
}, 120_000);

afterAll(() => folder[Symbol.dispose]());

test.each(modules)('The package has the module %s with its types.', async (_name, paths) => {
  const { types, default: code } = paths as { types: string; default: string };
  expect(existsSync(join(installed, types))).toBe(true);
  expect(Object.keys(await import(pathToFileURL(join(installed, code)).href))).not.toEqual([]);
});

test('The package serves every page with its styles and scripts.', async () => {
  await using server = new SpokenProcess(['--port=0'], {}, { root: installed, program: 'dist/main.js' });
  const { origin } = await server.listening();
  const statusOf = async (path: string) => (await fetch(new URL(path, origin))).status;
  const links = await linksOf(`${origin}/docs`);
  expect(links.filter((path) => !/\.(css|js|svg)$/.test(path)).length).toBeGreaterThan(2);
  const all = new Set(links);
  for (const page of links) for (const path of await linksOf(`${origin}${page}`)) all.add(path);
  for (const path of all) expect([path, await statusOf(path)]).toEqual([path, 200]);
});

/** The addresses of its own server that a page links to or loads. */
async function linksOf(page: string): Promise<string[]> {
  const text = await (await fetch(page, { headers: { accept: 'text/html' } })).text();
  const paths = [...text.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, path]) => new URL(path!, page));
  return paths.filter(({ origin }) => origin === new URL(page).origin).map(({ pathname }) => pathname);
}

/** An installed Node older than required. */
function findOldNode(): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, 'node'));
  return candidates.find((node) => {
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return status === 0 && Number(/^v(\d+)/.exec(stdout)?.[1]) < 26;
  });
}

const oldNode = findOldNode();

test.skipIf(oldNode === undefined).each([[[]], [['--version']], [['export', '--help']]])(
  'On an older Node it reports which version it needs, with the arguments %j (needs a Node below 26 on PATH).',
  (args) => {
    const { status, stdout, stderr } = spawnSync(oldNode!, [join(installed, 'dist/main.js'), ...args], {
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^pokewire: Pokewire needs Node 26 or newer; this is v\d+\.\d+\.\d+\.\n$/);
    expect([status, stdout]).toEqual([1, '']);
  },
);

test('The package asks for the same Node.', () => {
  expect(engines.node).toBe('>=26');
});
