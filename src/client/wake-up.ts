type Source = {
  addEventListener?(type: string, listener: () => void, options: { readonly signal: AbortSignal }): void;
  readonly document?: Source;
};

/** Spreads reconnections, since all clients of a network come online at once. */
const spreadMs = 500;

/**
 * Calls back when a browser comes online, or its page is hidden or shown; does nothing elsewhere. Returns a function
 * that removes the listeners.
 */
export function onWakeUp(wake: () => unknown): () => void {
  const host = globalThis as Source;
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(wake, Math.random() * spreadMs);
  };
  host.addEventListener?.('online', soon, ending);
  host.document?.addEventListener?.('visibilitychange', soon, ending);
  return () => {
    clearTimeout(timer);
    ending.abort();
  };
}
