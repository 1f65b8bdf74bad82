import type { WorkerSource } from '../worker-source.ts';
import type { Generation } from './deadline-book.ts';

/** Acknowledges a partition up to a global position. */
export type Ack = Generation & { readonly position: number };

/** A held stream. */
export type HeldStream = Generation & { readonly stream: string; readonly position: number };

/** Why a stream is held, and whether to retry it or park it. */
export type Hold = { readonly error: string } & ({ readonly retryInMs: number } | { readonly park: true });

/** Time-out of one request, milliseconds. */
const answerMs = 10_000;

/** Requests of one member. All but beats are retried until the server answers. */
export class GroupRequests {
  readonly #source: WorkerSource;
  readonly #path: string;
  readonly #onError: (error: unknown) => void;

  constructor(source: WorkerSource, group: string, onError: (error: unknown) => void) {
    this.#source = source;
    this.#path = `/groups/${encodeURIComponent(group)}`;
    this.#onError = onError;
  }

  /** Not retried, because the next beat extends the lease as well. */
  async beat(session: string, beat: number, signal: AbortSignal): Promise<void> {
    await this.#post('beat', { session, beat }, signal).catch((error) => signal.aborted || this.#onError(error));
  }

  /** Resolves to the acknowledgements that were fenced; the others are durable. */
  async ack(session: string, acks: readonly Ack[], signal: AbortSignal): Promise<readonly Ack[]> {
    const answer = await this.#insist<{ fenced: readonly Generation[] }>('ack', { session, acks }, signal);
    if (answer === 'fenced') return acks;
    return acks.filter((ack) =>
      answer.fenced.some(({ partition, layout }) => partition === ack.partition && layout === ack.layout),
    );
  }

  async release(session: string, released: Ack, signal: AbortSignal): Promise<void> {
    await this.#insist('release', { session, releases: [released] }, signal);
  }

  async leave(session: string, acks: readonly Ack[], keepMs: number, signal: AbortSignal): Promise<void> {
    await this.#insist('leave', { session, acks, keepMs }, signal);
  }

  /** `full`: the limit of held streams was reached. `settled`: the message was settled or deleted in the meantime. */
  async hold(
    session: string,
    stream: HeldStream,
    hold: Hold,
    signal: AbortSignal,
  ): Promise<'held' | 'fenced' | 'full' | 'settled'> {
    try {
      const answer = await this.#insist<{ held: boolean }>('hold', { session, ...stream, ...hold }, signal);
      if (answer === 'fenced') return 'fenced';
      return answer.held ? 'held' : 'settled';
    } catch (error) {
      if ((error as { code?: string }).code === 'TOO_MANY_HELD') return 'full';
      throw error;
    }
  }

  /**
   * Settles a held stream up to its position. Messages up to the global position `upTo` were acknowledged without being
   * handled. Resolves to the position at which it is now held; undefined: it was released.
   */
  async settle(
    session: string,
    stream: HeldStream,
    upTo: number,
    signal: AbortSignal,
  ): Promise<number | undefined | 'fenced'> {
    const answer = await this.#insist<Settled>('settle', { session, ...stream, upTo }, signal);
    if (answer === 'fenced') return 'fenced';
    return answer.held ? answer.position : undefined;
  }

  /** Retries a request until the server answers. Rejects on a permanent refusal, or when the signal aborts. */
  async #insist<T>(route: string, body: object, signal: AbortSignal): Promise<T | 'fenced'> {
    const backOff = new this.#source.BackOff({ minMs: 200, maxMs: 5_000 });
    for (;;) {
      try {
        return await this.#post<T>(route, body, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof this.#source.ClientError)) throw error;
        // The connection decides whether a missing group ends the member, because a join may create it again.
        if (error.code === 'FENCED' || error.code === 'GROUP_NOT_FOUND') return 'fenced';
        if (!error.passes) throw error;
        this.#onError(error);
        await this.#source.pause(backOff.next(error.retryAfterMs), signal);
        signal.throwIfAborted();
      }
    }
  }

  async #post<T>(route: string, body: object, signal: AbortSignal): Promise<T> {
    const late = AbortSignal.timeout(answerMs);
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.any([signal, late]) };
    const { transport, ClientError } = this.#source;
    const once = () => transport.request(`${this.#path}/${route}`, init);
    try {
      const response = await once().catch((error) => {
        if (error.isCredential && transport.renew()) return once();
        throw error;
      });
      return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (cause) {
      if (signal.aborted || cause instanceof ClientError) throw cause;
      throw new ClientError(late.aborted ? 'TIMED_OUT' : 'CUT', `No answer: ${cause}`, { cause });
    }
  }
}

type Settled = { readonly held: true; readonly position: number } | { readonly held: false };
