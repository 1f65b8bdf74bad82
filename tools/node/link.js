// npm 10 removes `node_modules/.bin/node` together with the packages of other platforms. The script `dependencies` runs this
// after npm has changed `node_modules`, on the Node that npm runs on; an existing link stays. It is not called `prepare`,
// because npm warns of that one whenever the tarball is installed.
import { existsSync, lstatSync, symlinkSync } from 'node:fs';

const bin = new URL('../../node_modules/.bin/', import.meta.url);
const { platform, arch } = process;
const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`;
if (existsSync(new URL(`../${name}/bin/node`, bin))) {
  link('node', `../${name}/bin/node`);
  // npm does not link a package's own command, so `npx pokewire` would not be found in a clone.
  link('pokewire', '../../src/main.ts');
}

function link(command, target) {
  const place = new URL(command, bin);
  if (lstatSync(place, { throwIfNoEntry: false }) === undefined) symlinkSync(target, place);
}
