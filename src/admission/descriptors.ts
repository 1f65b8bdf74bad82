import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';

/**
 * Share of descriptors kept for requests, scrapes and the store, so that these work when all subscriptions are open; at
 * least a fixed number.
 */
const keptShare = 0.05;
const leastKept = 64;

const checkMs = 1_000;

/** Limit and current number of the process's file descriptors. */
export type Descriptors = { readonly limit: number; readonly open: number };

/** Undefined if the system does not report it; Linux does. */
export function readDescriptors(): Descriptors | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : { limit: Number(limit), open: readdirSync('/proc/self/fd').length };
  } catch {
    return undefined;
  }
}

/** How many of the wanted subscriptions the descriptors allow; logs a warning if fewer. */
export function subscriptionsWithin(
  descriptors: Descriptors | undefined,
  wanted: number,
  log: FastifyBaseLogger,
): number {
  if (descriptors === undefined) return wanted;
  const { limit, open } = descriptors;
  const allowed = Math.max(1, limit - open - Math.max(leastKept, Math.ceil(limit * keptShare)));
  if (allowed >= wanted) return wanted;
  log.warn(
    { descriptors: limit, wanted, maxSubscriptions: allowed },
    'the file descriptor limit allows fewer subscriptions than --max-subscriptions; raise it (ulimit -n)',
  );
  return allowed;
}

/**
 * Reports when file descriptors run out, and when some are free again. Nothing else reports it: libuv reserves a
 * descriptor, and uses it to accept and drop each new connection without notifying Node.
 */
export class DescriptorWatch {
  readonly #log: FastifyBaseLogger;
  readonly #timer: NodeJS.Timeout;
  #isExhausted = false;

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
    this.#timer = setInterval(() => this.#check(), checkMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const wasExhausted = this.#isExhausted;
    this.#isExhausted = !isOneFree();
    if (this.#isExhausted && !wasExhausted) {
      this.#log.error(
        'out of file descriptors: new connections are dropped until others close; raise the limit (ulimit -n)',
      );
    } else if (wasExhausted && !this.#isExhausted) {
      this.#log.warn('file descriptors are available again: connections are accepted');
    }
  }
}

function isOneFree(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return code !== 'EMFILE' && code !== 'ENFILE';
  }
}
