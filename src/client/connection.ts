import { anyOf } from './back-off.ts';
import { ClientError } from './client-error.ts';
import { EventStreamParser, type StreamEvent } from './event-stream.ts';
import type { Transport } from './transport.ts';
import { onWakeUp } from './wake-up.ts';

/** One request for an event stream, and its callbacks. */
export type ConnectionOptions = {
  /** Path and query. Requests a ticket if one is needed. */
  readonly path: () => Promise<string>;
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal;
  /** Closes the connection after this time without data, milliseconds. */
  readonly silenceMs: number;
  /** Called when the response headers arrived. */
  readonly onOpen: () => void;
  /** Throws to close the connection. `isBuffered`: heartbeats arrive in bunches. */
  readonly onEvent: (event: StreamEvent, isBuffered: boolean) => void;
};

/** Why a connection ended, and the server's last `retry:` in milliseconds; 0 if there was none. */
export type ConnectionEnd = { readonly why: ClientError; readonly retryMs: number };

/** Upper bound for the server's `retry:`. */
const maxRetryMs = 60_000;
/** Consecutive bunches that indicate a buffering proxy; a single one may be a stalled network. */
const manyBunches = 2;

/** Opens one connection and reads it until it ends. */
export async function readConnection(transport: Transport, options: ConnectionOptions): Promise<ConnectionEnd> {
  const { signal, silenceMs, onEvent } = options;
  const cutting = new AbortController();
  const parser = new EventStreamParser();
  let why: ClientError | undefined;
  /** Error code and message to use if the connection falls silent now. */
  let silence: readonly [string, string] = ['TIMED_OUT', 'No answer in time'];
  let lastByteAt = Date.now();
  let bunches = 0;
  const either = anyOf(signal, cutting.signal);
  // The wall clock also counts time in which the machine slept.
  const look = () => {
    if (Date.now() - lastByteAt > silenceMs) why = new ClientError(...silence);
    else if (Date.now() < transport.renewAt) return;
    else why = new ClientError('RENEWING', '');
    cutting.abort();
  };
  const watch = setInterval(look, silenceMs / 4);
  // The user's token or ticket function may never settle.
  const broken = new Promise<never>((_, reject) => either.addEventListener('abort', reject));
  broken.catch(() => {});
  const forget = onWakeUp(look);
  try {
    const headers = {
      accept: 'text/event-stream',
      ...(options.lastEventId !== undefined && { 'last-event-id': options.lastEventId }),
    };
    const opening = options.path().then((path) => transport.request(path, { headers, signal: either }));
    const { headers: told, body } = await Promise.race([opening, broken]);
    if (!told.get('content-type')?.startsWith('text/event-stream'))
      throw new ClientError('NOT_AN_EVENT_STREAM', 'Not from Pokewire');
    silence = ['BUFFERED', 'A proxy buffers: see /diagnose'];
    options.onOpen();
    const reader = body!.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new ClientError('CUT', 'Cut off');
      silence = ['SILENT', 'No heartbeat in time'];
      lastByteAt = Date.now();
      const events = parser.push(value);
      const beats = events.filter(({ type }) => type === 'heartbeat').length;
      if (beats > 0) bunches = beats > 1 ? bunches + 1 : 0;
      for (const event of events) {
        onEvent(event, bunches >= manyBunches);
        either.throwIfAborted();
      }
    }
  } catch (cause) {
    why ??= cause instanceof ClientError ? cause : new ClientError('CUT', `Cut off: ${cause}`, { cause });
    return { why, retryMs: Math.min(parser.retryMs, maxRetryMs) };
  } finally {
    clearInterval(watch);
    forget();
    cutting.abort();
  }
}
