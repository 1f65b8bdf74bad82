import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memoryFolder = '/dev/shm';
/** Containers have some 64 MiB there, which a store takes for a full disk. */
const enoughBytes = 1_073_741_824;

/** A folder that goes with all it holds. */
export class TemporaryFolder implements Disposable {
  readonly path: string;

  constructor(parent: string = tmpdir()) {
    this.path = mkdtempSync(join(parent, 'pokewire-test-'));
  }

  /** In memory, where the system has room for that: for tests that make many files and are about no disk. */
  static inMemory(): TemporaryFolder {
    return new TemporaryFolder(hasRoom(memoryFolder) ? memoryFolder : undefined);
  }

  /** The path of a file in it. */
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
