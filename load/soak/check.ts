import type { SoakConnection, Told } from './connection.ts';
import { type Wish, wants } from './wishes.ts';

/** A message of the log. */
export type Entry = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** The pokes that a reader should receive from the log, in order. */
export function wantedOf(log: readonly Entry[], wish: Wish): Entry[] {
  return log.filter(({ stream }) => wants(wish, stream));
}

/**
 * The difference between the pokes received on the connection and the log; undefined: none. `wanted`: the messages of
 * the whole log that its reader selects. A connection that was closed may have received only the start.
 */
export function problemOf(
  connection: SoakConnection,
  wanted: readonly Entry[],
  isComplete: boolean,
): string | undefined {
  const first = wanted.findIndex(({ globalPosition }) => globalPosition > connection.cursor);
  const expected = first === -1 ? [] : wanted.slice(first);
  const isConflated = connection.pokes.some(({ count }) => count !== undefined);
  return isConflated
    ? conflatedProblem(connection, expected, isComplete)
    : plainProblem(connection, expected, isComplete);
}

function plainProblem({ pokes }: SoakConnection, expected: readonly Entry[], isComplete: boolean): string | undefined {
  for (const [at, told] of pokes.entries()) {
    const entry = expected[at];
    if (entry === undefined || !isSame(told, entry)) {
      return `poke ${at} was ${textOf(told)} in place of ${entry === undefined ? 'none' : textOf(entry)}`;
    }
  }
  if (isComplete && pokes.length < expected.length) return `was not told ${textOf(expected[pokes.length]!)}`;
  return undefined;
}

/** Each stream's pokes must be contiguous, whether a poke stands for one message or for many. */
function conflatedProblem({ pokes }: SoakConnection, expected: readonly Entry[], isComplete: boolean) {
  const byStream = Map.groupBy(expected, ({ stream }) => stream);
  const toldOf = new Map<string, number>();
  for (const told of pokes) {
    const entries = byStream.get(told.stream) ?? [];
    const before = toldOf.get(told.stream) ?? 0;
    const count = told.count ?? 1;
    const from = entries[before];
    const last = entries[before + count - 1];
    if (from?.position !== (told.from ?? told.position) || last === undefined || !isSame(told, last)) {
      return `was told ${textOf(told)} for ${count} from ${told.from}, behind ${before} of its stream`;
    }
    toldOf.set(told.stream, before + count);
  }
  if (!isComplete) return undefined;
  const silent = [...byStream].find(([stream, entries]) => toldOf.get(stream) !== entries.length);
  return silent === undefined ? undefined : `was told ${toldOf.get(silent[0]) ?? 0} of ${silent[1].length} of a stream`;
}

function isSame(told: Told, { stream, position, globalPosition }: Entry): boolean {
  return told.globalPosition === globalPosition && told.position === position && told.stream === stream;
}

function textOf({ stream, position, globalPosition }: Told | Entry): string {
  return `${stream.slice(0, 20)}/${position}@${globalPosition}`;
}
