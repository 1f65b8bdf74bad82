import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Random } from '../support/random.ts';

/** A disk writes whole sectors or nothing. */
const sectorBytes = 512;

/** `c` created, `u` deleted, `w` written, `t` truncated, `s` synced. */
type Operation = {
  readonly kind: 'c' | 'u' | 'w' | 't' | 's';
  readonly file: string;
  readonly offset: number;
  readonly data: Buffer;
  /** Length of the recording at the end of this operation. */
  readonly end: number;
};

/** Reads a recording of `record-writes.c`. */
export function readRecording(path: string): Operation[] {
  const bytes = readFileSync(path);
  const operations: Operation[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = String.fromCharCode(bytes[at]!) as Operation['kind'];
    const pathLength = bytes.readUInt16LE(at + 1);
    const length = bytes.readUInt32LE(at + 3);
    const offset = Number(bytes.readBigUInt64LE(at + 7));
    const dataAt = at + 15 + pathLength;
    const file = basename(bytes.toString('utf8', at + 15, dataAt));
    at = dataAt + length;
    operations.push({ kind, file, offset, data: bytes.subarray(dataAt, at), end: at });
  }
  return operations;
}

/** Current length of the recording. */
export function recordedBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** A file that grows without being copied each time. */
class DiskFile {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get content(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  copy(): DiskFile {
    const copy = new DiskFile();
    copy.write(0, this.content);
    return copy;
  }

  write(offset: number, data: Buffer): void {
    this.#reach(offset + data.length);
    data.copy(this.#bytes, offset);
  }

  cut(length: number): void {
    this.#reach(length);
    this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }

  #reach(length: number): void {
    if (length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(length, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length = Math.max(this.#length, length);
  }
}

/**
 * A disk that keeps all synced data, and any part of all other data. File names are kept at once: SQLite syncs their
 * directory, which is not recorded.
 */
export class RecordedDisk {
  readonly #files = new Map<string, { synced: DiskFile; pending: Operation[] }>();

  apply(operation: Operation): void {
    const { kind, file } = operation;
    if (kind === 'u') {
      this.#files.delete(file);
      return;
    }
    const found = this.#files.getOrInsertComputed(file, () => ({ synced: new DiskFile(), pending: [] }));
    if (kind === 'w' || kind === 't') found.pending.push(operation);
    else if (kind === 's') for (const pending of found.pending.splice(0)) perform(found.synced, pending);
  }

  /** Writes the data that remains if power is lost now: of unsynced data nothing, everything, or any part. */
  loseInto(folder: string, random: Random): void {
    mkdirSync(folder, { recursive: true });
    const keep = random.pick([() => false, () => true, () => random.chance(0.5), () => random.chance(0.9)]);
    for (const [name, { synced, pending }] of this.#files) {
      const left = synced.copy();
      for (const operation of pending) {
        if (operation.kind === 't') {
          if (keep()) perform(left, operation);
          continue;
        }
        for (let at = 0; at < operation.data.length; at += sectorBytes) {
          if (!keep()) continue;
          left.write(operation.offset + at, operation.data.subarray(at, at + sectorBytes));
        }
      }
      writeFileSync(join(folder, name), left.content);
    }
  }
}

function perform(file: DiskFile, { kind, offset, data }: Operation): void {
  if (kind === 't') file.cut(offset);
  else file.write(offset, data);
}
