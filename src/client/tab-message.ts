import { ClientError, type Poke, type Reset, type Selectors, type State } from './client.ts';

/** The server's default limit for a subscription. */
const maxSelectors = 100;

/** Global position up to which a tab, or the shared connection, received every poke. */
export type Place = { readonly position: number; readonly epoch: string };

/**
 * Messages between tabs.
 * - `want`, `leave`: to the leader. `who`: from a new leader to all tabs, each of which answers with a `want`.
 * - `poke`, `reset`, `state`: from the leader, numbered consecutively. `covers` lists the versions of the wants that
 *   its connection serves.
 * - `ping`: from the leader, with its last number. A tab answers a ping with `isCheck` by `here`, or counts as closed.
 */
export type TabMessage =
  | {
      readonly type: 'want';
      readonly tab: string;
      readonly version: number;
      readonly selectors: Selectors;
      readonly place: Place | undefined;
    }
  | { readonly type: 'leave'; readonly tab: string }
  | { readonly type: 'here'; readonly tab: string }
  | { readonly type: 'who' }
  | { readonly type: 'ping'; readonly leader: string; readonly number: number; readonly isCheck: boolean }
  | {
      readonly type: 'poke';
      readonly leader: string;
      readonly number: number;
      readonly poke: Poke;
      readonly place: Place;
      /** Whether it was missing and is sent after later pokes. */
      readonly isLate: boolean;
    }
  | {
      readonly type: 'reset';
      readonly leader: string;
      readonly number: number;
      readonly reset: Reset;
      readonly place: Place;
    }
  | {
      readonly type: 'state';
      readonly leader: string;
      readonly number: number;
      readonly state: State;
      readonly covers: Readonly<Record<string, number>>;
      readonly place: Place | undefined;
    };

/** A state as plain data, because a structured clone of an error loses its own fields. */
export function portable(state: State): State {
  if (state.name !== 'away' && state.name !== 'ended') return state;
  const { why } = state;
  if (why === undefined) return state;
  const { code, message, status, details, retryAfterMs } = why;
  return { ...state, why: { code, message, status, details, retryAfterMs } } as State;
}

/** A received state, with its error as a {@link ClientError} again. */
export function rebuilt(state: State): State {
  if ((state.name !== 'away' && state.name !== 'ended') || state.why === undefined) return state;
  const { code, message, ...facts } = state.why;
  return { ...state, why: new ClientError(code, message, facts) };
}

/** The union of selectors. If it exceeds the server's limit, streams are replaced by their categories, and those by everything. */
export function unionOf(all: readonly Selectors[]): Selectors {
  if (all.some((one) => one.all)) return { all: true };
  const names = (kind: 'stream' | 'category') => new Set(all.flatMap((one) => one[kind] ?? []));
  const streams = names('stream');
  const categories = names('category');
  if (streams.size + categories.size > maxSelectors) {
    for (const stream of streams) categories.add(categoryOf(stream));
    streams.clear();
    if (categories.size > maxSelectors) return { all: true };
  }
  return {
    stream: streams.size === 0 ? undefined : [...streams].sort(),
    category: categories.size === 0 ? undefined : [...categories].sort(),
  };
}

function categoryOf(stream: string): string {
  return stream.split('-', 1)[0]!;
}

/** Whether the selectors include this stream. */
export function isSelected({ all, stream, category }: Selectors, name: string): boolean {
  return all === true || stream?.includes(name) === true || category?.includes(categoryOf(name)) === true;
}
