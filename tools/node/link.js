// npm 10 removes `node_modules/.bin/node` together with the packages of other platforms. The script `dependencies` runs this
// after npm has changed `node_modules`, on the Node that npm runs on; an existing link stays. It is not called `prepare`,
// because npm warns of that one whenever the tarball is installed.
import { existsSync, symlinkSync } from 'node:fs';

const bin = new URL('../../node_modules/.bin/', import.meta.url);
const { platform, arch } = process;
const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`;
if (existsSync(new URL(`../${name}/bin/node`, bin)) && !existsSync(new URL('node', bin))) {
  symlinkSync(`../${name}/bin/node`, new URL('node', bin));
}
