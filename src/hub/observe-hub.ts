import type { LogId } from '../store/log-id.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import type { HubObserver } from './hub.ts';
import type { HubCounts } from './hub-metrics.ts';

/** A store that fails would fill the log, and say the same each time. */
const leastLogMs = 1_000;

/** What the observer writes to; Fastify's and Pino's loggers have it. */
type Log = {
  info(facts: object, text: string): void;
  error(facts: object, text: string): void;
};

/** The hub's observer: counts, and writes a line for each subscription's start and end. `logGone` learns of logs that are no more. */
export function observeHub(counts: HubCounts, log: Log, logGone: (id: LogId) => void): HubObserver {
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  return {
    opened({ kind, request: { selection } }) {
      counts.opened(kind);
      log.info({ kind, streams: selection.streams.length, categories: selection.categories.length }, 'subscribed');
    },
    closed({ kind, pokes, bytesSent, openedAtMs }, reason) {
      const seconds = (performance.now() - openedAtMs) / 1_000;
      counts.closed(kind, reason, seconds);
      log.info({ kind, reason, pokes, bytes: bytesSent, seconds: Math.round(seconds * 1_000) / 1_000 }, 'unsubscribed');
    },
    readFailed(id, error) {
      if (isLogGone(error)) return logGone(id);
      const nowMs = performance.now();
      if (nowMs - loggedAtMs < leastLogMs) return;
      loggedAtMs = nowMs;
      log.error({ err: error, log: id }, 'a log could not be read; its subscriptions wait until it can be');
    },
    delivered: counts.delivered,
  };
}
