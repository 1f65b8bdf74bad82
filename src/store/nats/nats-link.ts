import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { ConfigError } from '../../config-error.ts';
import { connectOptions } from './connect-options.ts';
import { JetStreamRefusal } from './nats-faults.ts';
import type { NatsUrl } from './nats-url.ts';
import { WriteAnswers } from './write-answers.ts';

/** The client's module, loaded only when the URL asks for NATS. */
export type NatsModule = typeof import('@nats-io/transport-node');

/** Headers of a message. */
export type HeaderValues = Readonly<Record<string, string | number>>;

/** The acknowledgement of a write, with the sequence number of the message. */
export type PublishAnswer = { readonly seq: number; readonly duplicate?: boolean; readonly count?: number };

type Answer = { readonly error?: { readonly err_code?: number; readonly code: number; readonly description: string } };

const answerMs = 5_000;
/** The first attempt of an idempotent request waits this long, each further attempt twice as long. */
const firstWaitMs = 300;
/** Requests that change nothing, so they may be repeated. */
const repeatable = /^STREAM\.(INFO|LIST|MSG\.GET)/;

/** Throws {@link ConfigError} if the package is not installed. */
export async function loadNats(): Promise<NatsModule> {
  try {
    return await import('@nats-io/transport-node');
  } catch (cause) {
    throw new ConfigError('nats: needs the package @nats-io/transport-node, which is not installed: npm install it', {
      cause,
    });
  }
}

/** The store's only connection. If it breaks, the client reconnects to any server of the cluster. */
export class NatsLink {
  readonly connection: NatsConnection;
  readonly #nats: NatsModule;
  readonly #writes: WriteAnswers;
  readonly #reconnected = new Set<() => void>();
  /** How often the connection broke. */
  breaks = 0;
  /** Number of requests sent. */
  requests = 0;
  isConnected = true;
  #requestsUnderWay = 0;

  private constructor(nats: NatsModule, connection: NatsConnection) {
    this.#nats = nats;
    this.connection = connection;
    this.#writes = new WriteAnswers(connection, this.inbox(), nobodyListens(nats));
    void this.#watch();
  }

  /** Connects to the first server that answers; rejects with the client's error. */
  static async open(nats: NatsModule, url: NatsUrl): Promise<NatsLink> {
    return new NatsLink(nats, await nats.connect(connectOptions(nats, url)));
  }

  /** Requests in flight. */
  get underWay(): number {
    return this.#requestsUnderWay + this.#writes.waiting;
  }

  /** The largest message that the server accepts, including headers. */
  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1_048_576;
  }

  /** A new subject for the answers to one request or consumer. */
  inbox(): string {
    return this.#nats.createInbox();
  }

  /** Calls back after each reconnection, until the returned function is called. */
  onReconnect(reconnected: () => void): () => void {
    this.#reconnected.add(reconnected);
    return () => this.#reconnected.delete(reconnected);
  }

  /**
   * Builds headers from valid names and values, for a publish. It only encodes them; the client's own are checked by character
   * and encoded pair by pair, which costs more than the rest of a write.
   */
  headers(values: HeaderValues): MsgHdrs {
    let text = 'NATS/1.0\r\n';
    for (const name in values) text += `${name}: ${values[name]}\r\n`;
    return { encode: () => Buffer.from(`${text}\r\n`) } as unknown as MsgHdrs;
  }

  /** Decodes headers from the base64 of JetStream's API. */
  decodeHeaders(text: string | undefined): MsgHdrs {
    return text === undefined ? this.#nats.headers() : this.#nats.MsgHdrsImpl.decode(Buffer.from(text, 'base64'));
  }

  publish(subject: string, payload: Uint8Array | string, headers?: MsgHdrs): void {
    this.connection.publish(subject, payload, headers === undefined ? {} : { headers });
  }

  /**
   * Calls JetStream's API. Rejects with {@link JetStreamRefusal}, or with the client's error if no answer arrived.
   * Requests that change nothing are repeated, because servers drop them during an election.
   */
  async api<T>(name: string, body: unknown = undefined, timeoutMs = answerMs): Promise<T> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const deadline = performance.now() + timeoutMs;
    for (let waitMs = repeatable.test(name) ? firstWaitMs : timeoutMs; ; waitMs *= 2) {
      const leftMs = deadline - performance.now();
      try {
        return refuseError(await this.#request(`$JS.API.${name}`, payload, Math.min(waitMs, leftMs)));
      } catch (error) {
        if (!(error instanceof this.#nats.TimeoutError) || leftMs <= waitMs) throw error;
      }
    }
  }

  /** Writes a message to a stream and resolves to its acknowledgement; rejects like {@link api}. */
  async write(subject: string, payload: Uint8Array | string, values: HeaderValues, timeoutMs: number) {
    this.requests++;
    return refuseError<PublishAnswer>(await this.#writes.write(subject, payload, this.headers(values), timeoutMs));
  }

  /** Whether the request had no responders: no stream has the subject, or its stream has no leader. */
  hasNoResponders(error: unknown): boolean {
    return error instanceof this.#nats.RequestError && error.isNoResponders();
  }

  async close(): Promise<void> {
    this.#reconnected.clear();
    await this.connection.close();
    this.#writes.close();
  }

  async #request(subject: string, payload: string, timeoutMs: number): Promise<Msg> {
    this.requests++;
    this.#requestsUnderWay++;
    try {
      return await this.connection.request(subject, payload, { timeout: Math.max(1, timeoutMs) });
    } finally {
      this.#requestsUnderWay--;
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.breaks++;
        this.isConnected = false;
      } else if (status.type === 'reconnect') {
        this.isConnected = true;
        for (const reconnected of this.#reconnected) reconnected();
      } else if (status.type === 'error' && status.error instanceof this.#nats.PermissionViolationError) {
        this.#writes.refuse(status.error.subject, status.error);
      }
    }
  }
}

function nobodyListens({ RequestError, NoRespondersError }: NatsModule): (subject: string) => Error {
  return (subject) => {
    const cause = new NoRespondersError(subject);
    return new RequestError(cause.message, { cause });
  };
}

function refuseError<T>(message: Msg): T {
  const answer = message.json<T & Answer>();
  if (answer.error === undefined) return answer;
  const { err_code, code, description } = answer.error;
  throw new JetStreamRefusal(err_code ?? code, description);
}
