import type { RetryBounds } from './back-off.ts';
import { ClientError, errorOf } from './client-error.ts';
import type { Selectors } from './selection.ts';

/** A token, and when to request a new one. */
export type Token = string | { readonly token: string; readonly expiresAt?: string | number | Date };

/** Credentials and options for requests. */
export type TransportOptions = {
  /** A function is called for the first request, before the token expires, and after the server refused it. */
  readonly token?: string | (() => Token | Promise<Token>) | undefined;
  /** One-time tickets instead of a token, for subscriptions; called for each connection with its selectors. */
  readonly ticket?: ((selectors: Selectors) => Ticket | Promise<Ticket>) | undefined;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Bounds of the delays between retries. */
  readonly retry?: RetryBounds | undefined;
};

export type Ticket = string | { readonly ticket: string };

/** A token is renewed this long before it expires. */
const renewalMs = 10_000;

/** Sends requests with the credential, which it caches. */
export class Transport {
  declare readonly retry: RetryBounds | undefined;
  /** When to renew the token in use, milliseconds since 1970; infinity without an expiry. Only this object sets it. */
  renewAt = Number.POSITIVE_INFINITY;
  readonly #url: string;
  readonly #token: TransportOptions['token'];
  readonly #ticket: TransportOptions['ticket'];
  readonly #fetch: typeof fetch;
  #held: Promise<string | undefined> | undefined = undefined;

  constructor(url: string, { token, ticket, retry, fetch: send = globalThis.fetch }: TransportOptions) {
    this.retry = retry;
    this.#url = url.replace(/\/+$/, '');
    this.#token = token;
    this.#ticket = ticket;
    // Browsers throw when fetch is called as a method of another object.
    this.#fetch = send.bind(undefined);
  }

  /** Drops a refused token. Returns whether another can be requested. */
  renew(): boolean {
    this.#held = undefined;
    return typeof this.#token === 'function' || this.#ticket !== undefined;
  }

  /** Resolves to a ticket for one connection; undefined if a token is used. */
  async askTicket(selectors: Selectors): Promise<string | undefined> {
    try {
      const ticket = await this.#ticket?.(selectors);
      return typeof ticket === 'object' ? ticket.ticket : ticket;
    } catch (cause) {
      throw new ClientError('CREDENTIAL', `No ticket: ${cause}`, { cause });
    }
  }

  /** Resolves to a successful answer; otherwise rejects with {@link ClientError}. */
  async request(path: string, init: RequestInit & { readonly headers?: Record<string, string> }): Promise<Response> {
    // The server prefers the header to a ticket in the query.
    const token = path.includes('ticket=') ? undefined : await this.#authorization();
    const headers = { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    let response: Response;
    try {
      response = await this.#fetch(this.#url + path, { cache: 'no-store', ...init, headers });
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw new ClientError('UNREACHABLE', `No answer from ${this.#url || 'the server'}: ${cause}`, { cause });
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  /** Resolves to the answer's JSON. If the token is refused, tries once more with a renewed one. */
  async json<T>(path: string, init: RequestInit & { readonly headers?: Record<string, string> }): Promise<T> {
    const once = async () => {
      const response = await this.request(path, init);
      return (await response.json().catch((cause: unknown) => {
        throw new ClientError('CUT', `Cut off: ${cause}`, { cause });
      })) as T;
    };
    return once().catch((error: ClientError) => {
      if (error.isCredential && this.renew()) return once();
      throw error;
    });
  }

  #authorization(): Promise<string | undefined> {
    if (Date.now() >= this.renewAt) this.#held = undefined;
    this.#held ??= this.#ask().catch((cause: unknown) => {
      this.#held = undefined;
      throw new ClientError('CREDENTIAL', `No token: ${cause}`, { cause });
    });
    return this.#held;
  }

  async #ask(): Promise<string | undefined> {
    const given = typeof this.#token === 'function' ? await this.#token() : this.#token;
    const { token, expiresAt } = typeof given === 'object' ? given : { token: given, expiresAt: undefined };
    // A token that is short-lived, or expired by this clock, is still used for `renewalMs`.
    this.renewAt =
      expiresAt === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(+new Date(expiresAt) - renewalMs, Date.now() + renewalMs);
    return token;
  }
}
