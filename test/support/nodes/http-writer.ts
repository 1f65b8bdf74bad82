import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../load/soak/random.ts';
import type { Ledger } from './ledger.ts';

export type HttpWriterOptions = {
  /** Where to send the next request. */
  readonly url: () => string;
  readonly streams: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
  /** Mean time between two appends. */
  readonly pauseMs: number;
};

/** An append that was not answered within this time is repeated. */
const patienceMs = 15_000;
const givesUpMs = 60_000;
const retryMs = 20;

/** Appends over HTTP until the signal aborts; unanswered requests are repeated with the same ids at the next node. */
export async function writeOverHttp(options: HttpWriterOptions, signal: AbortSignal): Promise<void> {
  const { streams, random, pauseMs } = options;
  while (!signal.aborted) {
    const stream = random.pick(streams);
    await appendOnce(options, stream, random.pick([1, 1, 1, 2, 5]));
    await delay(random.gapMs(pauseMs));
  }
}

/** Appends this many messages, retrying for up to a minute. */
export async function appendOnce(
  { url, ledger }: Pick<HttpWriterOptions, 'url' | 'ledger'>,
  stream: string,
  count: number,
): Promise<void> {
  const ids = Array.from({ length: count }, () => randomUUID());
  const body = JSON.stringify(ids.map((id) => ({ id, type: 'Written', data: {} })));
  const sentMs = performance.now();
  for (;;) {
    const answer = await post(`${url()}/streams/${encodeURIComponent(stream)}/messages`, body);
    if (answer !== undefined) {
      const { position, globalPosition } = answer;
      for (const [at, id] of ids.entries()) {
        const isLast = at === count - 1;
        // Other writers may have used global positions in between.
        const known = isLast ? { globalPosition } : {};
        ledger.store(id, stream, sentMs, { position: position - (count - 1 - at), ...known });
      }
      return;
    }
    ledger.unanswered++;
    if (performance.now() - sentMs > givesUpMs) throw new Error(`nobody took a message of ${stream} for a minute`);
    await delay(retryMs);
  }
}

/** Positions of the last message; undefined: it was not stored, or the outcome is unknown. */
async function post(url: string, body: string): Promise<{ position: number; globalPosition: number } | undefined> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body, signal });
    const text = await response.text();
    // 200: an earlier attempt had stored it.
    return response.status === 201 || response.status === 200 ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
