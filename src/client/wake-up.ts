type Source = {
  addEventListener?(type: string, listener: () => void, options: { readonly signal: AbortSignal }): void;
  readonly document?: Source;
};

/** Spreads reconnections: every client on a network comes online at the same moment. */
const spreadMs = 500;

/** Calls back when a browser is online again, or its page is hidden or seen; does nothing elsewhere. Returns a function that removes the listeners. */
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
