type Source = {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
  readonly document?: Source & { readonly visibilityState?: string };
};

/** Everybody on a network hears at once that it is back. */
const spreadMs = 500;

/** Calls back when a browser is online again or its page is seen again; does nothing elsewhere. Returns what ends it. */
export function onWakeUp(wake: () => void): () => void {
  const host = globalThis as Source;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const online = () => {
    timer ??= setTimeout(wake, Math.random() * spreadMs);
  };
  const visible = () => {
    if (host.document?.visibilityState === 'visible') wake();
  };
  host.addEventListener?.('online', online);
  host.document?.addEventListener?.('visibilitychange', visible);
  return () => {
    clearTimeout(timer);
    host.removeEventListener?.('online', online);
    host.document?.removeEventListener?.('visibilitychange', visible);
  };
}
