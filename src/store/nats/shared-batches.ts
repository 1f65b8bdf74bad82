import type { LogStream } from './log-stream.ts';
import { JetStreamRefusal } from './nats-faults.ts';
import type { PublishAnswer } from './nats-link.ts';
import type { Written } from './stored-message.ts';
import { commitBatch, expecting, writeAlone, writeMs } from './write-batch.ts';

/** Maximum number of appends, and of their bytes, in one batch. */
const maxAppends = 128;
const maxBytes = 262_144;

/** How long appends are sent alone after a refused batch, because the server may refuse more of them. */
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
 * Sends concurrent single messages of one log as one atomic batch. With several copies, the servers agree once per
 * batch and answer once (`npm run load -- nats-append`). One refused message makes the server refuse its whole batch;
 * each message is then written alone. With one copy a server creates files for each batch, so appends are always sent
 * alone.
 */
export class SharedBatches {
  readonly #isUsed: boolean;
  #waiting: Waiting[] = [];
  #aloneUntilMs = 0;

  /** `replicas`: how often a log is stored. */
  constructor(replicas: number) {
    this.#isUsed = replicas > 1;
  }

  /**
   * Writes a message if the last message of its subject still has the sequence number `last`. Calls within one run of
   * microtasks share a batch.
   */
  write(log: LogStream, subject: string, message: Written, last: number, timeoutMs: number): Promise<PublishAnswer> {
    // An append with less time left must not wait for its batch.
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

/** Index after the last append of the batch that begins at `from`. */
function endOfBatch(waiting: readonly Waiting[], from: number): number {
  let bytes = 0;
  for (let at = from; at < waiting.length && at < from + maxAppends; at++) {
    bytes += waiting[at]!.message.payload.length;
    if (bytes > maxBytes && at > from) return at;
  }
  return Math.min(waiting.length, from + maxAppends);
}
