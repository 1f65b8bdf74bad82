import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../../load/soak/random.ts';
import type { Ledger } from './ledger.ts';

export type HttpWriterOptions = {
  /** Where it sends the next request. */
  readonly url: () => string;
  readonly streams: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
  /** Mean time between two appends. */
  readonly pauseMs: number;
};

/** An append without an answer by then is made again. */
const patienceMs = 15_000;
const givesUpMs = 60_000;
const retryMs = 20;

/** Appends over HTTP until the signal; what was not answered is sent again with the same ids, to whichever node is next. */
export async function writeOverHttp(options: HttpWriterOptions, signal: AbortSignal): Promise<void> {
  const { streams, random, pauseMs } = options;
  while (!signal.aborted) {
    const stream = random.pick(streams);
    await appendOnce(options, stream, random.pick([1, 1, 1, 2, 5]));
    await delay(random.gapMs(pauseMs));
  }
}

/** Appends so many messages, however often that must be tried within a minute. */
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
        // Others may have taken the global positions between.
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

/** The place of the last message; undefined: it was not stored, or nobody knows. */
async function post(url: string, body: string): Promise<{ position: number; globalPosition: number } | undefined> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body, signal });
    const text = await response.text();
    // 200: an earlier try had stored it.
    return response.status === 201 || response.status === 200 ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
