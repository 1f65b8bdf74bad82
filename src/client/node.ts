import { open, readFile, rename } from 'node:fs/promises';
import type { Checkpoint, CheckpointStore } from './checkpoint.ts';

/** Keeps the checkpoint in a file, replaced atomically and synced to disk. */
export function fileCheckpoint(path: string): CheckpointStore {
  return {
    async load() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as Checkpoint;
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async save(checkpoint) {
      const next = `${path}.next`;
      await using file = await open(next, 'w');
      await file.writeFile(JSON.stringify(checkpoint));
      await file.sync();
      await rename(next, path);
    },
  };
}
