import type { ClientError } from '../client-error.ts';
import type { StreamEvent } from '../event-stream.ts';
import type { WorkerSource } from '../worker-source.ts';
import type { GroupState } from './consume-group.ts';

/** The functions of the member that the connections use. */
type ConnectionParts = {
  /** Starts the next attempt and returns the query of its request. */
  readonly attempted: () => Readonly<Record<string, string>>;
  /** Time without data after which the connection counts as lost, milliseconds. */
  readonly silenceMs: () => number;
  /** Throws to close the connection. */
  readonly take: (event: StreamEvent) => void;
  /** Returns whether the connection had joined. */
  readonly disconnected: () => boolean;
  readonly changed: (state: GroupState) => void;
};

/** Longest random delay before reconnecting, because many members lose their connections at once. */
const reconnectMs = 1_000;
/** Consecutive refusals of renewed credentials that end the member. */
const maxRefusals = 3;

/** Codes that end the member. Other refusals with 409 are transient, such as MEMBER_TAKEN. */
const finalCodes = ['GROUP_DELETED', 'GROUP_EXISTS', 'NAMESPACE_DELETED'];

/** The connections of one member, one at a time. */
export class GroupConnections {
  readonly #source: WorkerSource;
  readonly #parts: ConnectionParts;
  readonly #signal: AbortSignal;
  #refusals = 0;

  constructor(source: WorkerSource, parts: ConnectionParts, signal: AbortSignal) {
    this.#source = source;
    this.#parts = parts;
    this.#signal = signal;
  }

  /** Connects and reconnects. Resolves when the signal aborts; rejects if the server refuses permanently. */
  async run(): Promise<void> {
    const { BackOff, pause, transport, connect } = this.#source;
    const { attempted, silenceMs, take, disconnected, changed } = this.#parts;
    const signal = this.#signal;
    const backOff = new BackOff({ minMs: 250, maxMs: 5_000 });
    while (!signal.aborted) {
      const query = new URLSearchParams(attempted());
      changed({ name: 'connecting' });
      const { why } = await connect(transport, {
        path: async () => `/subscribe?${query}`,
        lastEventId: undefined,
        signal,
        silenceMs: silenceMs(),
        onOpen: () => {},
        onEvent: take,
      });
      const hadJoined = disconnected();
      if (signal.aborted) return;
      if (hadJoined) {
        backOff.succeeded();
        this.#refusals = 0;
      }
      if (this.#isFinal(why)) throw why;
      const waitMs = hadJoined ? Math.random() * reconnectMs : backOff.next(why.retryAfterMs);
      changed({ name: 'away', nextTryAt: new Date(Date.now() + waitMs), why });
      await pause(waitMs, signal);
    }
  }

  #isFinal(why: ClientError): boolean {
    if (finalCodes.includes(why.code)) return true;
    if (why.isCredential || why.code === 'REVOKED') {
      // A refusal by a proxy is not one by the server.
      return this.#source.transport.renew() ? ++this.#refusals > maxRefusals : !why.isForeign;
    }
    return !why.passes && !why.isForeign && why.status !== 409;
  }
}
