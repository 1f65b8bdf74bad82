import { setTimeout as delay } from 'node:timers/promises';
import { PokewireError } from '../../errors.ts';
import type { NewMessage } from '../../message/message.ts';
import type { AppendOutcome } from '../log.ts';
import { isLogGone } from '../shared/log-gone.ts';
import { judgeAlone, judgeDuplicate, judgeKnown, judgeRefused } from './known-appends.ts';
import { type LogStream, noSpot, type Spot } from './log-stream.ts';
import { isConflict, isFull, isRefusal, JetStreamRefusal, storeFault } from './nats-faults.ts';
import { SharedBatches } from './shared-batches.ts';
import { SpotCache } from './spot-cache.ts';
import { messageHeaders, positionOf, writeMessage } from './stored-message.ts';
import { maxBatchMessages, writeArray } from './write-batch.ts';
import { WriteBursts } from './write-bursts.ts';

/** How long to retry an append; longer than the election of a leader takes. */
const deadlineMs = 10_000;
const retryMs = 50;
/** The pause after a conflict with another node is random; otherwise the faster node would always win. */
const mostConflictMs = 8;

/** Maximum number of header bytes of one message, with room for what the server adds. */
const headerBytes = 4_096;

type Append = {
  readonly log: LogStream;
  readonly stream: string;
  readonly subject: string;
  readonly messages: readonly NewMessage[];
  readonly expectedVersion: number | undefined;
  readonly deadline: number;
};

/** Appends to the streams of all logs. Appends to one stream run one after another, because each needs the position of the last. */
export class Appender {
  readonly #spots = new SpotCache();
  readonly #bursts = new WriteBursts();
  readonly #batches: SharedBatches;
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Attempts that lost to another writer or got no answer. */
  retries = 0;

  /** `replicas`: how often a log is stored. */
  constructor(replicas: number) {
    this.#batches = new SharedBatches(replicas);
  }

  /** Streams with appends waiting or in flight. */
  get busyStreams(): number {
    return this.#turns.size;
  }

  append(
    log: LogStream,
    stream: string,
    messages: readonly NewMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendOutcome> {
    const subject = log.names.subject(stream);
    const deadline = performance.now() + deadlineMs;
    const append = { log, stream, subject, messages, expectedVersion, deadline };
    const before = this.#turns.get(subject);
    const run = () => this.#append(append);
    const turn = before === undefined ? run() : before.then(run, run);
    this.#turns.set(subject, turn);
    const done = () => {
      if (this.#turns.get(subject) === turn) this.#turns.delete(subject);
    };
    turn.then(done, done);
    return turn;
  }

  async #append(append: Append): Promise<AppendOutcome> {
    checkSize(append);
    const alone = judgeAlone(append);
    if (alone !== undefined) return alone;
    try {
      return await this.#appendUntil(append);
    } catch (error) {
      this.#spots.delete(append.subject);
      if (isLogGone(error)) return { outcome: 'gone' };
      throw storeFault(error);
    }
  }

  async #appendUntil(append: Append): Promise<AppendOutcome> {
    /** The message after which an unanswered attempt may have stored the append, or may still do so. */
    let unanswered: Spot | undefined;
    let fault: unknown;
    while (performance.now() < append.deadline) {
      let tried: Spot | undefined;
      try {
        if (unanswered !== undefined) {
          const found = await this.#findBehind(append, unanswered);
          if (found === 'another') unanswered = undefined;
          else if (found !== 'none') return found;
        }
        const last = await this.#lastSpot(append);
        const refused = await this.#judgeVersion(append, last);
        if (refused === 'again') continue;
        if (refused !== undefined) return refused;
        tried = last;
        const outcome = await this.#write(append, last);
        if (outcome !== undefined) return outcome;
      } catch (error) {
        if (isLogGone(error) || (error instanceof PokewireError && error.code !== 'BACKEND_ERROR')) throw error;
        fault = error;
        if (tried !== undefined && !(error instanceof JetStreamRefusal)) unanswered = tried;
        this.retries++;
        this.#spots.delete(append.subject);
        await this.#afterFault(append, error);
      }
    }
    throw new PokewireError(
      'BACKEND_ERROR',
      `NATS did not confirm the append in ${deadlineMs / 1_000} s. It may have been stored: repeat it with its ids.`,
      { cause: fault },
    );
  }

  /** Writes after `last`. Undefined: another writer was first. Rejects when the outcome is unknown. */
  async #write({ log, stream, subject, messages, deadline }: Append, last: Spot): Promise<AppendOutcome | undefined> {
    const written = messages.map((message, index) => writeMessage(message, last.position + 1 + index));
    try {
      const answer = await this.#bursts.run(() => {
        const timeoutMs = deadline - performance.now();
        const [first] = written;
        if (written.length === 1) return this.#batches.write(log, subject, first!, last.seq, timeoutMs);
        return writeArray(log.link, subject, written, last.seq, timeoutMs);
      });
      if (answer.duplicate === true) return await judgeDuplicate(log, { stream, messages }, answer.seq);
      const spot = { seq: answer.seq, position: last.position + messages.length };
      this.#spots.set(subject, spot);
      return { outcome: 'appended', position: spot.position, globalPosition: spot.seq };
    } catch (error) {
      if (isConflict(error)) {
        this.#spots.delete(subject);
        this.retries++;
        await delay(Math.random() * mostConflictMs);
        return undefined;
      }
      if (isRefusal(error, 'duplicateInBatch')) return judgeKnown(log, { stream, messages });
      if (isRefusal(error, 'sealed')) return { outcome: 'gone' };
      if (isRefusal(error, 'messageTooLarge')) throw tooLarge('A message exceeds the limit of the JetStream stream.');
      if (isFull(error)) return { outcome: 'full', limit: 'disk', bytes: undefined, maxBytes: 0 };
      throw error;
    }
  }

  /** `again`: this node knew an older version. Undefined: the version matches, or none was expected. */
  async #judgeVersion(append: Append, last: Spot): Promise<AppendOutcome | 'again' | undefined> {
    const { log, stream, subject, expectedVersion } = append;
    if (expectedVersion === undefined || expectedVersion === last.position) return undefined;
    const actual = await log.lastSpot(stream);
    this.#spots.set(subject, actual);
    if (actual.position === expectedVersion) return 'again';
    const judged = await judgeRefused(log, append, expectedVersion);
    return judged ?? { outcome: 'version-conflict', expected: expectedVersion, actual: actual.position };
  }

  /**
   * Whether an unanswered attempt was stored. The server accepts it only directly after `spot`. If the append is there,
   * it was stored; if another message is there, it can no longer be stored; if there is none, it still may be.
   */
  async #findBehind({ log, subject, messages }: Append, spot: Spot): Promise<AppendOutcome | 'another' | 'none'> {
    const next = await log.nextOf(subject, spot.seq + 1);
    if (next === undefined) return 'none';
    if (next.headers.get(messageHeaders.id) !== messages[0]!.id) return 'another';
    const more = messages.length - 1;
    const last = { seq: next.seq + more, position: positionOf(next.headers) + more };
    this.#spots.set(subject, last);
    return { outcome: 'appended', position: last.position, globalPosition: last.seq };
  }

  async #lastSpot({ log, stream, subject }: Append): Promise<Spot> {
    const known = this.#spots.get(subject);
    if (known !== undefined) return known;
    const spot = await log.lastSpot(stream);
    if (spot !== noSpot) this.#spots.set(subject, spot);
    return spot;
  }

  async #afterFault({ log }: Append, error: unknown): Promise<void> {
    // Requests to a deleted log have no responders, nor have requests to one whose stream has no leader. A query of the
    // stream distinguishes the two, or rejects.
    if (log.link.hasNoResponders(error))
      await log.info().catch((fault: unknown) => void (isLogGone(fault) && rethrow(fault)));
    await delay(error instanceof JetStreamRefusal ? retryMs * Math.random() : retryMs);
  }
}

function rethrow(error: unknown): never {
  throw error;
}

function checkSize({ log, messages }: Append): void {
  if (messages.length > maxBatchMessages) {
    throw tooLarge(`This store appends at most ${maxBatchMessages} messages at once: use several requests.`);
  }
  const most = log.link.maxPayload - headerBytes;
  for (const { data, metadata } of messages) {
    const units = data.length + (metadata?.length ?? 0);
    if (units * 3 <= most) continue;
    const bytes = Buffer.byteLength(data) + Buffer.byteLength(metadata ?? '');
    if (bytes > most) {
      throw tooLarge(
        `A message has ${bytes} bytes, and NATS takes ${most} of payload: raise max_payload of its servers.`,
      );
    }
  }
}

function tooLarge(text: string): PokewireError {
  return new PokewireError('BODY_TOO_LARGE', text);
}
