import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { LiveOptions, Poke, Pokewire, Selection, State, SubscribeOptions } from './client.ts';

/** A live value and its state. `value`: undefined until the first fetch succeeds. */
export type LiveValue<T> = {
  readonly value: T | undefined;
  /** Error of the last fetch; undefined if it succeeded or there was none yet. */
  readonly error: unknown;
  readonly state: State;
  readonly refresh: () => void;
};

const connecting: State = { name: 'connecting' };

/**
 * A subscription or live value of one component. Strict mode mounts, unmounts and mounts again at once, so this opens
 * with the first listener and closes only after a turn of the event loop without any.
 */
class Held<Snapshot> {
  snapshot: Snapshot;
  readonly #open: (update: (next: Partial<Snapshot>) => void) => { close(): void };
  readonly #listeners = new Set<() => void>();
  #opened: { close(): void } | undefined = undefined;

  constructor(initial: Snapshot, open: (update: (next: Partial<Snapshot>) => void) => { close(): void }) {
    this.snapshot = initial;
    this.#open = open;
  }

  readonly listen = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#opened ??= this.#open((next) => {
      this.snapshot = { ...this.snapshot, ...next };
      for (const tell of this.#listeners) tell();
    });
    return () => {
      this.#listeners.delete(listener);
      setTimeout(() => {
        if (this.#listeners.size > 0) return;
        this.#opened?.close();
        this.#opened = undefined;
      });
    };
  };

  readonly read = (): Snapshot => this.snapshot;
}

/**
 * Fetches when the component mounts and after each poke of the selection. `fetch` may be a new function on each render;
 * a change of the selection or of `key` starts over.
 */
export function useLive<T>(
  pokewire: Pokewire,
  selection: Selection,
  fetch: (signal: AbortSignal) => Promise<T> | T,
  { key = '', ...options }: LiveOptions & { readonly key?: string } = {},
): LiveValue<T> {
  const latest = useLatest({ fetch, options });
  const name = JSON.stringify([selection, key]);
  // Keyed by the selection's content, because the object is new on each render.
  const held = useMemo(() => {
    const initial: LiveValue<T> = { value: undefined, error: undefined, state: connecting, refresh: () => {} };
    return new Held(initial, (update) => {
      const live = pokewire.live(
        selection,
        (signal) => latest.current.fetch(signal),
        (value) => update({ value, error: undefined }),
        {
          heartbeatMs: latest.current.options.heartbeatMs,
          onState: (state) => {
            update({ state });
            latest.current.options.onState?.(state);
          },
          onReset: (reset) => latest.current.options.onReset?.(reset),
          onError: (error) => {
            update({ error });
            latest.current.options.onError?.(error);
          },
        },
      );
      update({ refresh: () => live.refresh() });
      return live;
    });
  }, [pokewire, name]);
  return useSyncExternalStore(held.listen, held.read, held.read);
}

/** Calls back for each poke of the selection while the component is mounted; starts at the head by default. Returns the state. */
export function usePokes(
  pokewire: Pokewire,
  selection: Selection & SubscribeOptions,
  onPoke: (poke: Poke) => void,
  options: Pick<LiveOptions, 'onReset'> = {},
): State {
  const latest = useLatest({ onPoke, options });
  const name = JSON.stringify(selection);
  const held = useMemo(
    () =>
      new Held({ state: connecting }, (update) =>
        pokewire.subscribe(
          { position: 'head', ...selection },
          {
            onPoke: (poke) => latest.current.onPoke(poke),
            onState: (state) => update({ state }),
            onReset: (reset) => latest.current.options.onReset?.(reset),
          },
        ),
      ),
    [pokewire, name],
  );
  return useSyncExternalStore(held.listen, held.read, held.read).state;
}

/** The value of the last committed render. */
function useLatest<T>(value: T): { current: T } {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}
