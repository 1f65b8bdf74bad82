/** What is known of a failure beside its code. */
type ErrorFacts = {
  /** The HTTP status; 0: none. */
  readonly status?: number | undefined;
  /** What the server says for programs, by code. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** When the server asks to be tried again, milliseconds; undefined: it does not say. */
  readonly retryAfterMs?: number | undefined;
};

/**
 * A request that failed. `code` is the server's, such as `STREAM_VERSION_CONFLICT`, or one of this client:
 * `UNREACHABLE` no answer came, `TIMED_OUT` none came in time, `HTTP_502` (any status) the answer is not Pokewire's,
 * `NOT_AN_EVENT_STREAM` a proxy answered in its place, `CUT` the stream broke off or an event did not parse, `SILENT` no heartbeat came,
 * `BUFFERED` a proxy holds the stream back, `POKE_LOST` a poke is missing, `CREDENTIAL` the token or ticket function failed.
 */
export class ClientError extends Error implements ErrorFacts {
  override readonly name = 'ClientError';
  declare readonly code: string;
  declare readonly status: number;
  declare readonly details: Readonly<Record<string, unknown>>;
  declare readonly retryAfterMs: number | undefined;
  /** Whether the same request can succeed later. */
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

  /** Whether something else than Pokewire answered. */
  get isForeign(): boolean {
    return this.code.startsWith('HTTP_');
  }

  /** Whether it is about the credential. */
  get isCredential(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** Longer than any error of Pokewire. A foreign body may be of any length. */
const maxErrorBytes = 65_536;

/** An answer as an error: the server's own, or that of whatever answered in its place. */
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
