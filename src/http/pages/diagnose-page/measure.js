// Shared with `pokewire doctor`, so it must not use the browser. `read` is readEventStream for one server.

/**
 * When the events of the delivery test are sent. The longer pause at the end reveals proxies that deliver an event only
 * when the next one arrives.
 */
export const rhythm = { events: 12, everyMs: 250, silentMs: 1_000 };

/** A greeting that takes longer is being buffered. */
const greetingMs = 4_000;

/** If the silence has not ended by then, its end will never arrive. */
const graceMs = 10_000;

/** Events in a known rhythm: when each was sent, when it arrived, and together with which others. */
export async function measureDelivery(read, signal, heard) {
  const { events, everyMs, silentMs } = rhythm;
  const query = new URLSearchParams({ events, everyMs, silentMs });
  const { headers, blocks } = await read(`diagnose/stream?${query}`, { signal, heard });
  const ticks = blocks.filter(({ data }) => data !== undefined);
  return {
    headers,
    isWhole: ticks.at(-1)?.data.last === true,
    ticks: ticks.map(({ data, atMs, piece }) => ({ sentMs: data.sentMs, atMs, piece })),
  };
}

/** A real subscription, which receives only the server's greeting and heartbeats. */
export class Subscription {
  /** Milliseconds since the request, of everything that arrived. */
  arrivals = [];
  /** Milliseconds since the request; undefined: still open. */
  endedMs = undefined;
  /** Why it was refused. */
  refused = undefined;
  #startMs = performance.now();
  #heard = Promise.withResolvers();

  constructor(read, signal) {
    const url = `subscribe?${new URLSearchParams({ stream: `diagnose-${crypto.randomUUID?.() ?? Math.random()}` })}`;
    read(url, {
      signal,
      // With `text/event-stream`, errors are also sent as streams, which do not say why.
      accept: '*/*',
      heard: ({ atMs }) => {
        this.arrivals.push(atMs);
        this.#heard.resolve();
      },
    })
      .catch((error) => {
        this.refused = error.message;
      })
      .finally(() => {
        this.endedMs = this.ageMs;
        this.#heard.resolve();
      });
  }

  /** The measurements so far. */
  get measured() {
    return { ageMs: this.ageMs, arrivals: [...this.arrivals], endedMs: this.endedMs, refused: this.refused };
  }

  get ageMs() {
    return performance.now() - this.#startMs;
  }

  /** Milliseconds until the greeting; undefined: it did not arrive in time. */
  async greeted() {
    await Promise.race([this.#heard.promise, after(greetingMs)]);
    return this.arrivals[0];
  }
}

/**
 * Opens a stream that is silent for this many seconds, and measures when it was cut: the time since its last byte was
 * sent, and its age. A proxy that buffers the first bytes counts from when it received them, not from when it forwarded
 * them.
 */
export async function measureSilence(read, { seconds, roundTripMs, signal }) {
  const silentMs = seconds * 1000;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), silentMs + graceMs);
  const startMs = performance.now();
  try {
    const query = new URLSearchParams({ events: 1, silentMs });
    const either = AbortSignal.any([signal, giveUp.signal]);
    const { blocks, lastByteMs, endMs } = await read(`diagnose/stream?${query}`, { signal: either });
    if (blocks.at(-1)?.data?.last) return { outcome: 'survived', seconds };
    const tick = blocks.find(({ data }) => data !== undefined);
    const sentMs = (tick?.data.sentMs ?? 0) + roundTripMs / 2;
    // Data added by a proxy arrives after the tick, and only its arrival shows when it was sent.
    const isAddedTo = tick !== undefined && lastByteMs > tick.atMs;
    const silentFromMs = isAddedTo ? lastByteMs : Math.min(lastByteMs, sentMs);
    return { outcome: 'cut', seconds, afterSeconds: (endMs - silentFromMs) / 1000, ageSeconds: endMs / 1000 };
  } catch (error) {
    if (giveUp.signal.aborted) return { outcome: 'lost', seconds };
    // A proxy that buffers everything cuts the connection before it has answered.
    if (signal.aborted || !isCut(error)) throw error;
    const ageSeconds = (performance.now() - startMs) / 1000;
    return { outcome: 'cut', seconds, afterSeconds: ageSeconds, ageSeconds };
  } finally {
    clearTimeout(timer);
  }
}

function isCut(error) {
  return error instanceof TypeError || [502, 504].includes(error.status);
}

function after(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
