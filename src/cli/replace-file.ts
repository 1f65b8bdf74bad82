import { randomUUID } from 'node:crypto';
import { createWriteStream, type Stats } from 'node:fs';
import { chmod, chown, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { CliError } from './terminal.ts';

/**
 * Writes a temporary file, syncs it and renames it over `file`, so a failure leaves the old content. Follows symbolic links and
 * keeps the mode and, if permitted, the owner. Writes to pipes, terminals and open descriptors directly. Throws
 * {@link CliError} for a folder or a block device.
 */
export async function replaceFile(file: string, write: (target: Writable) => Promise<void>): Promise<void> {
  const fd = /^\/dev\/fd\/(\d+)$/.exec(file)?.[1];
  if (fd !== undefined) return write(createWriteStream(file, { fd: Number(fd) }));
  const target = await targetOf(file);
  const found = await orUndefined(stat(target));
  if (found?.isCharacterDevice() || found?.isFIFO()) return write(createWriteStream(target));
  if (found !== undefined && !found.isFile())
    throw new CliError(`${file} is not a regular file, so it cannot be replaced.`);
  const part = join(dirname(target), `.pokewire-${randomUUID()}.part`);
  const mode = found === undefined ? 0o666 : 0o600;
  try {
    await write(createWriteStream(part, { flags: 'wx', mode, flush: true }));
    if (found !== undefined) await keepAccess(part, found);
    await rename(part, target);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Resolves symbolic links; refuses a dangling one. */
async function targetOf(file: string): Promise<string> {
  const target = await orUndefined(realpath(file));
  if (target !== undefined) return target;
  if ((await orUndefined(lstat(file))) === undefined) return resolve(file);
  throw new CliError(`${file} is a dangling symbolic link.`);
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function keepAccess(file: string, { uid, gid, mode }: Stats): Promise<void> {
  // Only root may change the owner. The mode is kept either way.
  await chown(file, uid, gid).catch(() => {});
  await chmod(file, mode & 0o777);
}

/** Makes the rename durable. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  // Some file systems cannot sync a folder, and need not.
  await handle.sync().catch(() => {});
}
