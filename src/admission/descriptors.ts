import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';

/** Kept for requests, scrapes and the store, so that these go on when all subscriptions are taken: a share, at least so many. */
const keptShare = 0.05;
const leastKept = 64;

const checkMs = 1_000;

/** File descriptors that the process may have open, and that it has. */
export type Descriptors = { readonly limit: number; readonly open: number };

/** Undefined where the system does not tell; Linux does. */
export function readDescriptors(): Descriptors | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : { limit: Number(limit), open: readdirSync('/proc/self/fd').length };
  } catch {
    return undefined;
  }
}

/** How many of the wanted subscriptions the descriptors allow; warns when that is fewer. */
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
 * Says when file descriptors run out and when there are some again. Nobody else does: libuv keeps one back, and with it
 * accepts and drops each new connection without a word to Node.
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
