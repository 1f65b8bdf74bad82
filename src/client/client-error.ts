/** Facts about a failure, in addition to its code. */
type ErrorFacts = {
  /** The HTTP status; 0 if there was no answer. */
  readonly status?: number | undefined;
  /** Machine-readable details from the server, depending on the code. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** How long the server asks to wait, in milliseconds; undefined if it does not say. */
  readonly retryAfterMs?: number | undefined;
};

/**
 * A failed request. `code` is the server's, such as `STREAM_VERSION_CONFLICT`, or one of this client: `UNREACHABLE` no
 * answer; `TIMED_OUT` no answer in time; `HTTP_502` (any status) the answer does not come from Pokewire;
 * `NOT_AN_EVENT_STREAM` a proxy answered instead; `CUT` the stream ended early or an event did not parse; `SILENT` no
 * heartbeat; `BUFFERED` a proxy buffers the stream; `POKE_LOST` a poke is missing; `CREDENTIAL` the token or ticket
 * function failed.
 */
export class ClientError extends Error implements ErrorFacts {
  override readonly name = 'ClientError';
  declare readonly code: string;
  declare readonly status: number;
  declare readonly details: Readonly<Record<string, unknown>>;
  declare readonly retryAfterMs: number | undefined;
  /** Whether the failure is transient, so that the same request can succeed later. */
  declare readonly passes: boolean;

  constructor(
    code: string,
    message: string,
    { status = 0, details = {}, retryAfterMs, ...options }: ErrorFacts & { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.code = code;
    this.status = status;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
    this.passes = status < 400 || [408, 425, 429, 500, 502, 503, 504].includes(status) || status > 511;
  }

  /** Whether something other than Pokewire answered. */
  get isForeign(): boolean {
    return this.code.startsWith('HTTP_');
  }

  /** Whether the credential was refused. */
  get isCredential(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** Longer than any error of Pokewire. Other servers may send any length. */
const maxErrorBytes = 65_536;

/** An answer as an error: the server's own, or one that describes what answered instead. */
export async function errorOf(response: Response): Promise<ClientError> {
  const { status, headers } = response;
  let left = maxErrorBytes;
  const bound = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, bounded) {
      left -= chunk.length;
      if (left < 0) bounded.terminate();
      else bounded.enqueue(chunk);
    },
  });
  const body = await new Response(response.body?.pipeThrough(bound)).json().catch(() => undefined);
  const {
    code = `HTTP_${status}`,
    message = `Not from Pokewire: ${status}`,
    details,
  } = (body as { error?: { code?: string; message?: string; details?: Record<string, unknown> } } | undefined)?.error ??
  {};
  return new ClientError(code, message, { status, details, retryAfterMs: retryAfterOf(headers) });
}

/** Reads `Retry-After`: seconds, or a date. */
function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after') ?? '';
  const ms = Number(text) * 1_000 || Date.parse(text) - Date.now();
  return ms >= 0 ? ms : undefined;
}
