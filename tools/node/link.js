// npm 10 removes `node_modules/.bin/node` again, with the packages of the other platforms that it leaves out. `prepare` runs
// this on the Node that npm runs on, after npm has finished; what is there already stays.
import { existsSync, symlinkSync } from 'node:fs';

const bin = new URL('../../node_modules/.bin/', import.meta.url);
const { platform, arch } = process;
const name = `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`;
if (existsSync(new URL(`../${name}/bin/node`, bin)) && !existsSync(new URL('node', bin))) {
  symlinkSync(`../${name}/bin/node`, new URL('node', bin));
}
