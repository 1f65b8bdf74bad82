import type { LogStream } from './log-stream.ts';
import { JetStreamRefusal } from './nats-faults.ts';
import type { PublishAnswer } from './nats-link.ts';
import type { Written } from './stored-message.ts';
import { commitBatch, expecting, writeAlone, writeMs } from './write-batch.ts';

/** Most appends of one batch, and most of their bytes. */
const maxAppends = 128;
const maxBytes = 262_144;

/** After a refused batch appends go alone for so long: more of them may be what a server refuses. */
const aloneMs = 200;

type Waiting = {
  readonly log: LogStream;
  readonly subject: string;
  readonly message: Written;
  readonly last: number;
  readonly timeoutMs: number;
  readonly resolve: (answer: PublishAnswer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Writes single messages of one log that are sent together as one atomic batch. With several copies a server agrees with the
 * others once for a batch, and answers once (`npm run load -- nats-append`). One refused message refuses its batch, and
 * nothing of it is stored: each is written alone then. With one copy a server makes files for each batch, so appends stay alone.
 */
export class SharedBatches {
  readonly #isUsed: boolean;
  #waiting: Waiting[] = [];
  #aloneUntilMs = 0;

  /** `replicas`: how often a log is stored. */
  constructor(replicas: number) {
    this.#isUsed = replicas > 1;
  }

  /** Writes a message if its subject's last one still has the number `last`. What is called in one run of microtasks goes together. */
  write(log: LogStream, subject: string, message: Written, last: number, timeoutMs: number): Promise<PublishAnswer> {
    // An append with less time left may not wait for its batch.
    if (!this.#isUsed || timeoutMs < writeMs || performance.now() < this.#aloneUntilMs) {
      return writeAlone(log.link, subject, message, last, timeoutMs);
    }
    const { promise, resolve, reject } = Promise.withResolvers<PublishAnswer>();
    this.#waiting.push({ log, subject, message, last, timeoutMs, resolve, reject });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#send());
    return promise;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const ofLog of Map.groupBy(waiting, ({ log }) => log.id).values()) {
      for (let from = 0; from < ofLog.length; ) {
        const to = endOfBatch(ofLog, from);
        if (to === from + 1) sendAlone(ofLog[from]!);
        else void this.#sendTogether(ofLog.slice(from, to));
        from = to;
      }
    }
  }

  async #sendTogether(batch: readonly Waiting[]): Promise<void> {
    const members = batch.map(({ subject, message: { headers, payload }, last }) => ({
      subject,
      headers: { ...headers, ...expecting(last) },
      payload,
    }));
    try {
      const { seq } = await commitBatch(batch[0]!.log.link, members, writeMs);
      for (const [index, { resolve }] of batch.entries()) resolve({ seq: seq - (batch.length - 1 - index) });
    } catch (error) {
      if (error instanceof JetStreamRefusal) {
        this.#aloneUntilMs = performance.now() + aloneMs;
        for (const write of batch) sendAlone(write);
      } else for (const { reject } of batch) reject(error);
    }
  }
}

function sendAlone({ log, subject, message, last, timeoutMs, resolve, reject }: Waiting): void {
  writeAlone(log.link, subject, message, last, timeoutMs).then(resolve, reject);
}

/** Index behind the last append of the batch that begins at `from`. */
function endOfBatch(waiting: readonly Waiting[], from: number): number {
  let bytes = 0;
  for (let at = from; at < waiting.length && at < from + maxAppends; at++) {
    bytes += waiting[at]!.message.payload.length;
    if (bytes > maxBytes && at > from) return at;
  }
  return Math.min(waiting.length, from + maxAppends);
}
