import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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

/** A folder on its own disk of this many MiB. */
export class SmallDisk extends TemporaryFolder {
  constructor(mebibytes: number) {
    super();
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', this.path]);
    if (status !== 0) throw new Error('the tmpfs cannot be mounted');
  }

  override [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
    super[Symbol.dispose]();
  }
}
