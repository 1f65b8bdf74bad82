import { setTimeout as sleep } from 'node:timers/promises';

/** The server sends a heartbeat every 4 seconds; a connection without data for this long is dead. */
const silenceMs = 15_000;

/**
 * Pokes, over one connection after another until `stopping` is aborted. `urlOf` returns the URL for the current
 * position.
 */
export async function* pokes(urlOf, stopping) {
  while (!stopping.aborted) {
    try {
      yield* pokesOfConnection(urlOf(), stopping);
    } catch (error) {
      if (!stopping.aborted) console.error(`the subscription ended: ${error.message}`);
    }
    // A random delay per consumer, so that they do not all reconnect at once.
    await sleep(500 + 1_000 * Math.random(), undefined, { signal: stopping }).catch(() => {});
  }
}

async function* pokesOfConnection(url, stopping) {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('nothing was heard')), silenceMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([stopping, silence.signal]) });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    let rest = '';
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh();
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('data: ')) yield JSON.parse(line.slice(6));
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
