import { StoreUrlReader } from '../shared/store-url.ts';

/** `sqlite:pokewire.db?sync=normal`: where the file is, and how it is kept. */
export type SqliteUrl = {
  /** Relative to the folder that the process runs in, or absolute. */
  readonly path: string;
  /** `full`: what was answered is on the disk. `normal`: the last commits may go with the power, never with the process. */
  readonly sync: 'full' | 'normal';
  /** Appends are refused while the disk has less than this free. */
  readonly reserveBytes: number;
  /** Every log gets another epoch at the start: for a file put back from a snapshot, which nothing else can tell. */
  readonly isNewEpochAsked: boolean;
};

/** 64 MiB, and twice what the write-ahead log may take. */
const defaultReserveBytes = 3 * 67_108_864;

const reader = new StoreUrlReader(
  'sqlite:FILE or sqlite:///FOLDER/FILE, with ?sync=full or ?sync=normal, &reserve=BYTES, &newEpoch=true',
);

/** Reads the URL of `--store`; throws a `ConfigError`. */
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
