import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memoryFolder = '/dev/shm';
/** Containers have some 64 MiB there, which a store considers a full disk. */
const enoughBytes = 1_073_741_824;

/** A folder that is deleted with its content. */
export class TemporaryFolder implements Disposable {
  readonly path: string;

  constructor(parent: string = tmpdir()) {
    this.path = mkdtempSync(join(parent, 'pokewire-test-'));
  }

  /** In memory if the system has enough room: for tests that create many files and are not about a disk. */
  static inMemory(): TemporaryFolder {
    return new TemporaryFolder(hasRoom(memoryFolder) ? memoryFolder : undefined);
  }

  /** Path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= enoughBytes;
  } catch {
    return false;
  }
}
