import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { version } from '../../src/version.ts';

const root = join(import.meta.dirname, '../..');
const { platform, arch } = process;
const nodePackage = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`;

/** A clone whose packages are installed, before the script `dependencies` has run. */
function makeClone() {
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-clone-'));
  const bin = join(folder, 'node_modules/.bin');
  for (const made of [bin, join(folder, 'node_modules', nodePackage, 'bin'), join(folder, 'tools/node')]) {
    mkdirSync(made, { recursive: true });
  }
  symlinkSync(process.execPath, join(folder, 'node_modules', nodePackage, 'bin/node'));
  symlinkSync(join(root, 'src'), join(folder, 'src'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  copyFileSync(join(root, 'tools/node/link.js'), join(folder, 'tools/node/link.js'));
  return { folder, bin, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('An installed clone has the command pokewire, which runs the sources on the Node of the packages, and keeps existing links.', () => {
  using clone = makeClone();
  const link = () => execFileSync(process.execPath, [join(clone.folder, 'tools/node/link.js')]);
  link();
  link();
  expect(readlinkSync(join(clone.bin, 'node'))).toBe(`../${nodePackage}/bin/node`);
  const env = { ...process.env, PATH: `${clone.bin}:${process.env.PATH}` };
  expect(execFileSync('pokewire', ['--version'], { env, encoding: 'utf8' })).toContain(version);
});
