import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TemporaryFolder } from './temporary-folder.ts';

const variable = 'TEST_RUN_FOLDER';
const pollMs = 50;

/** Vitest's global setup: a folder for files that tests in several processes share, deleted at the end of the run. */
export function setup(): () => void {
  const folder = TemporaryFolder.inMemory();
  // Readable for servers that refuse to run as root.
  chmodSync(folder.path, 0o755);
  process.env[variable] = folder.path;
  return () => folder[Symbol.dispose]();
}

/**
 * A folder that the first caller of a run fills, and that others use once it is filled; undefined outside of a run.
 * Rejects for all of them if `fill` does.
 */
export async function sharedFolder(name: string, fill: (path: string) => Promise<void>): Promise<string | undefined> {
  const run = process.env[variable];
  if (run === undefined) return undefined;
  const path = join(run, name);
  const outcome = `${path}.outcome`;
  if (isFirst(path)) {
    const failure = await fill(path).then(
      () => '',
      (error) => String(error),
    );
    writeFileSync(outcome, failure, { flush: true });
  }
  while (!existsSync(outcome)) await delay(pollMs);
  const failure = readFileSync(outcome, 'utf8');
  if (failure !== '') throw new Error(`${name} could not be prepared: ${failure}`);
  return path;
}

/** Whether this process is the first to create the folder. */
function isFirst(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
