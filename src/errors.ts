/**
 * Every error code a response can carry, with its HTTP status. `docs/PROTOCOL.md` holds the same table and a test
 * keeps the two equal.
 */
export const errorStatuses = {
  /** A field, parameter or body is missing, malformed or out of its limits. */
  INVALID_REQUEST: 400,
  /** No credential came with the request. */
  AUTH_REQUIRED: 401,
  /** The token is no token, or the ticket is not good (any more). */
  AUTH_INVALID_TOKEN: 401,
  /** The token is not valid, or does not allow this; or a page of another origin asks. */
  AUTH_UNAUTHORIZED: 403,
  /** No route has this path. */
  NOT_FOUND: 404,
  /** The stream has no message. */
  STREAM_NOT_FOUND: 404,
  /** The stream has no message that fits the request. */
  MESSAGE_NOT_FOUND: 404,
  /** There is no such consumer group. */
  GROUP_NOT_FOUND: 404,
  /** `/rpc` has no such method. */
  METHOD_NOT_FOUND: 404,
  /** There is no such namespace. */
  NAMESPACE_NOT_FOUND: 404,
  /** The path exists, but not with this HTTP method. */
  METHOD_NOT_ALLOWED: 405,
  /** The request did not arrive in time. */
  REQUEST_TIMEOUT: 408,
  /** A namespace with this id exists. */
  NAMESPACE_EXISTS: 409,
  /** `expectedVersion` is not the position of the stream's last message. */
  STREAM_VERSION_CONFLICT: 409,
  /** A message with this id exists and is not the same message. */
  DUPLICATE_MESSAGE_ID: 409,
  /** The partition of the consumer group belongs to another generation. */
  FENCED: 409,
  /** A consumer group of this name is of another category or size. */
  GROUP_EXISTS: 409,
  /** The consumer group is being resized, reset or deleted. */
  GROUP_BUSY: 409,
  /** A member of this name is connected, or its lease may still be valid; with `Retry-After`. */
  MEMBER_TAKEN: 409,
  /** The stream is held by its consumer group, so its checkpoint does not say that it is settled. */
  STREAM_HELD: 409,
  /** The partition holds the maximum number of streams. */
  TOO_MANY_HELD: 409,
  /** The log was deleted or replaced while it was read, or is not the one that the read names. */
  LOG_GONE: 410,
  /** Messages that a read with an epoch begins with were forgotten by retention. */
  LOG_FORGOTTEN: 410,
  /** The body, an array or a message is larger than the server or its store takes. */
  BODY_TOO_LARGE: 413,
  /** The body is not sent as JSON. */
  UNSUPPORTED_MEDIA_TYPE: 415,
  /** The request is for a host that this server does not answer to. */
  HOST_NOT_ALLOWED: 421,
  /** Too many appends per second, unused tickets, or concurrent imports, exports, reads or backups; with `Retry-After`. */
  RATE_LIMITED: 429,
  /** The request head is larger than the server reads. */
  HEADERS_TOO_LARGE: 431,
  /** A fault in the server; the log has the cause. */
  INTERNAL_ERROR: 500,
  /** The store failed; the log has the cause. */
  BACKEND_ERROR: 500,
  /** The store cannot do this; another engine can. */
  NOT_SUPPORTED: 501,
  /** The server is stopping or its store does not answer. */
  NOT_READY: 503,
  /** The server is short of CPU time or memory and refuses new work; with `Retry-After`. */
  OVERLOADED: 503,
  /** The namespace has as many consumer groups as it may have. */
  TOO_MANY_GROUPS: 503,
  /** The consumer group has as many members as it may have. */
  TOO_MANY_MEMBERS: 503,
  /** The limit of open subscriptions is reached; with `Retry-After`. */
  TOO_MANY_SUBSCRIPTIONS: 503,
  /** The store, the namespace's share of it or the disk has no room, also for a backup; reads and subscriptions go on. */
  STORE_FULL: 507,
  /** The configured number of namespaces exists. */
  TOO_MANY_NAMESPACES: 507,
} as const;

/** Stands in logs and metrics for a request whose connection ended before its answer was sent; nobody is answered it. */
export const unansweredStatus = 499;

/** One of the codes of {@link errorStatuses}. */
export type ErrorCode = keyof typeof errorStatuses;

/** Facts a program can read, beside the sentence that a person reads. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The one error class: a code of the table, a sentence that says what to do, and details for programs. */
export class PokewireError extends Error {
  override readonly name = 'PokewireError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }

  /** HTTP status of the code. */
  get status(): number {
    return errorStatuses[this.code];
  }
}

/** The refusal of one field: `INVALID_REQUEST` with the field's name in the sentence and in the details. */
export function invalid(field: string, problem: string): PokewireError {
  return new PokewireError('INVALID_REQUEST', `${field} ${problem}`, { details: { field } });
}

/** The body of an error response, one shape on every route. */
export function errorBody(error: { code: string; message: string; details?: ErrorDetails | undefined }): string {
  const { code, message, details } = error;
  return JSON.stringify({ error: details === undefined ? { code, message } : { code, message, details } });
}
