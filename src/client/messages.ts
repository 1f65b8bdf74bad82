import { anyOf, BackOff, pause } from './back-off.ts';
import { ClientError } from './client-error.ts';
import { queryOf } from './selection.ts';
import type { Transport } from './transport.ts';

/** A message to append. Gets an `id` before the first attempt if it has none. */
export type NewMessage<Data extends object = object> = {
  readonly type: string;
  readonly data: Data;
  readonly metadata?: object | null;
  /** A UUID. */
  readonly id?: string;
};

/** A message from the log. */
export type Message<Data = Record<string, unknown>> = {
  readonly id: string;
  readonly stream: string;
  readonly type: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly data: Data;
  readonly metadata: Record<string, unknown> | null;
  /** RFC 3339 in UTC. */
  readonly time: string;
};

/** Positions of the last message of an append, and the number of messages. */
export type Appended = {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly count: number;
};

/** Options of a call. */
export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  /** How long to retry transient failures, milliseconds. Default 30,000. */
  readonly retryForMs?: number | undefined;
};

export type AppendOptions = CallOptions & {
  /** Position that the stream's last message must have; -1: it must never have had one. */
  readonly expectedVersion?: number | undefined;
};

/** Options of a read, named as in the protocol. */
export type ReadOptions = CallOptions & {
  /** Where to start, inclusive: a stream position in a stream, a global position in a category. Default: the first message. */
  readonly position?: number | undefined;
  /** A global position instead of `position`; only for a stream. */
  readonly globalPosition?: number | undefined;
  /** Epoch of the log to read, from a subscription. If the server has another log, the read rejects with `LOG_GONE`. */
  readonly epoch?: string | undefined;
  /** Messages per request, 1 to 10,000. Default 1,000. */
  readonly batchSize?: number | undefined;
} & (
    | { readonly stream: string; readonly category?: never }
    | {
        readonly category: string;
        readonly stream?: never;
        /** Consumer group member, from 0; with `size`. */
        readonly consumer?: number | undefined;
        readonly size?: number | undefined;
        /** Only messages whose `metadata.correlationStreamName` is a stream of this category. */
        readonly correlation?: string | undefined;
      }
  );

/** Time-out of one request, milliseconds. */
const answerMs = 30_000;

/** Appends one message, or several atomically. Retries carry the same ids, so nothing is stored twice. */
export function append(
  transport: Transport,
  stream: string,
  given: NewMessage | readonly NewMessage[],
  { expectedVersion, ...options }: AppendOptions,
): Promise<Appended> {
  const withId = (message: NewMessage) => ({ ...message, id: message.id ?? newId() });
  const body = JSON.stringify(Array.isArray(given) ? given.map(withId) : withId(given as NewMessage));
  const path = `/streams/${encodeURIComponent(stream)}/messages?${queryOf({ expectedVersion })}`;
  const headers = { 'content-type': 'application/json' };
  return persist(transport, path, { method: 'POST', headers, body }, options);
}

/** Reads one page. */
export function readPage<Data>(
  transport: Transport,
  { stream, category, signal, retryForMs, ...query }: ReadOptions,
): Promise<Message<Data>[]> {
  const place =
    stream === undefined ? `categories/${encodeURIComponent(category)}` : `streams/${encodeURIComponent(stream)}`;
  return persist(transport, `/${place}/messages?${queryOf(query)}`, {}, { signal, retryForMs });
}

/** Reads all pages up to the head. */
export async function* read<Data>(transport: Transport, options: ReadOptions): AsyncGenerator<Message<Data>, void> {
  const { batchSize = 1_000 } = options;
  let next: { readonly position?: number; readonly globalPosition?: number } = {};
  for (;;) {
    const page = await readPage<Data>(transport, { ...options, ...next, batchSize });
    yield* page;
    if (page.length < batchSize) return;
    const behind = page.at(-1)!.globalPosition + 1;
    next = options.stream === undefined ? { position: behind } : { globalPosition: behind };
  }
}

/** Retries a request until it succeeds, is refused permanently, or the time is over. */
export async function persist<T>(
  transport: Transport,
  path: string,
  init: RequestInit & { readonly headers?: Record<string, string> },
  { signal, retryForMs = 30_000 }: CallOptions,
): Promise<T> {
  const backOff = new BackOff(transport.retry);
  const until = Date.now() + retryForMs;
  for (;;) {
    signal?.throwIfAborted();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new ClientError('TIMED_OUT', 'No answer in time')), answerMs);
    try {
      return await transport.json<T>(path, { ...init, signal: anyOf(signal, late.signal) });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ClientError && error.passes)) throw error;
      const waitMs = backOff.next(error.retryAfterMs);
      if (Date.now() + waitMs > until) throw error;
      await pause(waitMs, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A random UUID, version 4. `crypto.randomUUID` is missing in pages loaded over plain http. */
export function newId(): string {
  return '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, (digit) =>
    (+digit ^ (crypto.getRandomValues(new Uint8Array(1))[0]! & (15 >> (+digit / 4)))).toString(16),
  );
}
