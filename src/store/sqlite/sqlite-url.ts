import { StoreUrlReader } from '../shared/store-url.ts';

/** `sqlite:pokewire.db?sync=normal`: path of the file and its options. */
export type SqliteUrl = {
  /** Absolute, or relative to the working directory. */
  readonly path: string;
  /**
   * `full`: acknowledged writes are on disk. `normal`: a power failure may lose the last commits, a crash of the
   * process does not.
   */
  readonly sync: 'full' | 'normal';
  /** Appends are refused while less than this is free on the disk. */
  readonly reserveBytes: number;
  /** Gives every log a new epoch at the start. For a file restored from a snapshot, which cannot be detected otherwise. */
  readonly isNewEpochAsked: boolean;
};

/** 64 MiB, plus twice the largest write-ahead log. */
const defaultReserveBytes = 3 * 67_108_864;

const reader = new StoreUrlReader(
  'sqlite:FILE or sqlite:///FOLDER/FILE, with ?sync=full or ?sync=normal, &reserve=BYTES, &newEpoch=true',
);

/** Parses the `--store` URL; throws a `ConfigError`. */
export function parseSqliteUrl(url: string): SqliteUrl {
  const parsed = reader.parse(url);
  const { host, pathname, hash } = parsed;
  const path = reader.decode(pathname);
  if (host !== '' || hash !== '' || path === '' || path.endsWith('/')) throw reader.refusal('it names no file');
  const defaults = { sync: 'full', reserve: String(defaultReserveBytes), newEpoch: 'false' };
  const { sync, reserve, newEpoch } = reader.parameters(parsed, defaults);
  if (sync !== 'full' && sync !== 'normal') throw reader.refusal(`sync is full or normal, not ${sync}`);
  if (!/^\d{1,15}$/.test(reserve)) throw reader.refusal(`reserve is a number of bytes, not ${reserve}`);
  if (newEpoch !== 'true' && newEpoch !== 'false') throw reader.refusal(`newEpoch is true or false, not ${newEpoch}`);
  return { path, sync, reserveBytes: Number(reserve), isNewEpochAsked: newEpoch === 'true' };
}
