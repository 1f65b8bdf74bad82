/** Every error code that a response can carry, with its HTTP status. A test keeps the table in `docs/PROTOCOL.md` equal. */
export const errorStatuses = {
  /** A field, parameter or body is missing, malformed or out of range. */
  INVALID_REQUEST: 400,
  /** The request has no credential. */
  AUTH_REQUIRED: 401,
  /** The token is malformed, or the ticket is unknown, used or expired. */
  AUTH_INVALID_TOKEN: 401,
  /** The token is invalid or lacks the scope, or the request comes from a page of another origin. */
  AUTH_UNAUTHORIZED: 403,
  /** No route has this path. */
  NOT_FOUND: 404,
  /** The stream has no messages. */
  STREAM_NOT_FOUND: 404,
  /** The stream has no message that matches the request. */
  MESSAGE_NOT_FOUND: 404,
  /** The consumer group does not exist. */
  GROUP_NOT_FOUND: 404,
  /** `/rpc` does not have this method. */
  METHOD_NOT_FOUND: 404,
  /** The namespace does not exist. */
  NAMESPACE_NOT_FOUND: 404,
  /** The path exists, but not with this HTTP method. */
  METHOD_NOT_ALLOWED: 405,
  /** The request did not arrive in time. */
  REQUEST_TIMEOUT: 408,
  /** A namespace with this id already exists. */
  NAMESPACE_EXISTS: 409,
  /** `expectedVersion` is not the position of the stream's last message. */
  STREAM_VERSION_CONFLICT: 409,
  /** A different message with this id exists. */
  DUPLICATE_MESSAGE_ID: 409,
  /** The consumer group's partition belongs to another generation. */
  FENCED: 409,
  /** A consumer group with this name has another category or size. */
  GROUP_EXISTS: 409,
  /** The consumer group is being resized, reset or deleted. */
  GROUP_BUSY: 409,
  /** A member with this name is connected, or its lease may still be valid; with `Retry-After`. */
  MEMBER_TAKEN: 409,
  /** The consumer group holds the stream, so a checkpoint beyond its messages does not mean that they are settled. */
  STREAM_HELD: 409,
  /** The partition already holds the maximum number of streams. */
  TOO_MANY_HELD: 409,
  /** The log was deleted or replaced during the read, or is not the one that the read names. */
  LOG_GONE: 410,
  /** A read that names an epoch starts at messages that retention deleted. */
  LOG_FORGOTTEN: 410,
  /** The body, an array or a message is larger than the server or its store accepts. */
  BODY_TOO_LARGE: 413,
  /** The content type is not JSON. */
  UNSUPPORTED_MEDIA_TYPE: 415,
  /** The request names a host that this server does not serve. */
  HOST_NOT_ALLOWED: 421,
  /** Too many appends per second, unused tickets, or concurrent imports, exports, reads or backups; with `Retry-After`. */
  RATE_LIMITED: 429,
  /** The request head is larger than the server accepts. */
  HEADERS_TOO_LARGE: 431,
  /** A fault in the server; the log has the cause. */
  INTERNAL_ERROR: 500,
  /** The store failed; the log has the cause. */
  BACKEND_ERROR: 500,
  /** The store does not support this; another engine does. */
  NOT_SUPPORTED: 501,
  /** The server is stopping or its store does not answer. */
  NOT_READY: 503,
  /** The server is short of CPU time or memory and refuses new work; with `Retry-After`. */
  OVERLOADED: 503,
  /** The namespace has reached its limit of consumer groups. */
  TOO_MANY_GROUPS: 503,
  /** The consumer group has reached its limit of members. */
  TOO_MANY_MEMBERS: 503,
  /** The limit of open subscriptions is reached; with `Retry-After`. */
  TOO_MANY_SUBSCRIPTIONS: 503,
  /** The store, the namespace's share or the disk has no room, or not enough for a backup; reads and subscriptions continue. */
  STORE_FULL: 507,
  /** The server has reached its limit of namespaces. */
  TOO_MANY_NAMESPACES: 507,
} as const;

/** In logs and metrics, the status of a request whose connection ended before the response was sent. No client ever receives it. */
export const unansweredStatus = 499;

/** One of the codes of {@link errorStatuses}. */
export type ErrorCode = keyof typeof errorStatuses;

/** Machine-readable facts, in addition to the error's sentence. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** The only error class: a code from the table, a sentence with the remedy, and machine-readable details. */
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

/** The error for one field: `INVALID_REQUEST` that names the field in its sentence and details. */
export function invalid(field: string, problem: string): PokewireError {
  return new PokewireError('INVALID_REQUEST', `${field} ${problem}`, { details: { field } });
}

/** The body of an error response, the same on every route. */
export function errorBody(error: { code: string; message: string; details?: ErrorDetails | undefined }): string {
  const { code, message, details } = error;
  return JSON.stringify({ error: details === undefined ? { code, message } : { code, message, details } });
}
