import { ConfigError } from '../../config-error.ts';

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

const form = 'sqlite:FILE or sqlite:///FOLDER/FILE, with ?sync=full or ?sync=normal, &reserve=BYTES, &newEpoch=true';

/** Reads the URL of `--store`; throws {@link ConfigError}. */
export function parseSqliteUrl(url: string): SqliteUrl {
  const parsed = URL.parse(url);
  if (parsed === null) throw refusal('it is no URL');
  const { host, pathname, searchParams, hash } = parsed;
  const path = textOf(pathname);
  if (host !== '' || hash !== '' || path === '' || path.endsWith('/')) throw refusal('it names no file');
  const known = { sync: 'full', reserve: String(defaultReserveBytes), newEpoch: 'false' };
  for (const [name, value] of searchParams) {
    if (!Object.hasOwn(known, name)) throw refusal(`it has no parameter ${name}`);
    known[name as keyof typeof known] = value;
  }
  const { sync, reserve, newEpoch } = known;
  if (sync !== 'full' && sync !== 'normal') throw refusal(`sync is full or normal, not ${sync}`);
  if (!/^\d{1,15}$/.test(reserve)) throw refusal(`reserve is a number of bytes, not ${reserve}`);
  if (newEpoch !== 'true' && newEpoch !== 'false') throw refusal(`newEpoch is true or false, not ${newEpoch}`);
  return { path, sync, reserveBytes: Number(reserve), isNewEpochAsked: newEpoch === 'true' };
}

function textOf(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw refusal('a percent sign must begin an escape of two digits');
  }
}

function refusal(problem: string): ConfigError {
  return new ConfigError(`--store must be ${form}: ${problem}`);
}
