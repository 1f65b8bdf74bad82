import type { LogId } from '../store/log-id.ts';
import { isLogGone } from '../store/shared/log-gone.ts';
import type { HubObserver } from './hub.ts';
import type { HubCounts } from './hub-metrics.ts';

/** Shortest time between two log lines about a failing store. */
const leastLogMs = 1_000;

/** The part of a logger that the observer uses; Fastify's and Pino's loggers have it. */
type Log = {
  info(facts: object, text: string): void;
  error(facts: object, text: string): void;
};

/** The hub's observer: counts events, and logs the start and end of each subscription. Calls `logGone` for logs that no longer exist. */
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
