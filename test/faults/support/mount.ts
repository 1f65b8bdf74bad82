import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

/** Whether a tmpfs can be mounted here. */
export const canMount = tryMount();

function tryMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'pokewire-mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', path], { stdio: 'ignore' }).status === 0;
  if (isMounted) spawnSync('umount', [path]);
  rmSync(path, { recursive: true });
  return isMounted;
}

const slackKibibytes = 64;
const mostTries = 20;

/** A folder on its own disk of this many MiB. */
export class SmallDisk extends TemporaryFolder {
  readonly #mebibytes: number;

  constructor(mebibytes: number) {
    super();
    this.#mebibytes = mebibytes;
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.path]);
    if (status !== 0) throw new Error('the tmpfs cannot be mounted');
  }

  /** Uses up the free space, until the returned object is disposed. */
  fill(): Disposable {
    // Resizing fails while another process writes faster than this.
    for (let tries = 0; tries < mostTries; tries++) {
      const { blocks, bfree, bsize } = statfsSync(this.path);
      if (this.#resize(`${((blocks - bfree) * bsize) / 1_024 + slackKibibytes}k`)) {
        return { [Symbol.dispose]: () => void this.#resize(`${this.#mebibytes}m`) };
      }
    }
    throw new Error('the tmpfs cannot be made smaller');
  }

  override [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
    super[Symbol.dispose]();
  }

  #resize(size: string): boolean {
    return spawnSync('mount', ['-o', `remount,size=${size}`, this.path], { stdio: 'ignore' }).status === 0;
  }
}
