import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type {
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify';
import { type ErrorCode, errorBody, errorStatuses, invalid, PokewireError } from '../../errors.ts';
import { retryAfter } from './append-limit.ts';
import { cleanJson, cleanUrl } from './clean-text.ts';
import { schemaProblem } from './schema-problem.ts';

/** Content type of every JSON answer, including errors. Exactly this, because EventoDB's clients compare it. */
export const jsonType = 'application/json';

/** `Retry-After` of a 503: the first number of seconds, plus a random number up to the second. */
const leastRetrySeconds = 5;
const retrySpreadSeconds = 10;

/** Fastify's own errors, distinguished by their codes. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
};

/** Errors of Node's HTTP parser. */
const parserCodes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
};

declare module 'fastify' {
  interface FastifyInstance {
    refusalPage: RefusalPage;
  }
}

/** Renders an error as a page for a visitor; undefined: the client is a program. */
export type RefusalPage = (
  request: FastifyRequest,
  refusal: PokewireError,
) => { readonly headers: Readonly<Record<string, string>>; readonly html: string } | undefined;

/** Gives every failure on every route the common error format, or a page. Texts of faults appear only in the log. */
export function useErrorHandler(server: FastifyInstance, refusalPage: RefusalPage): void {
  server.decorate('refusalPage', refusalPage);
  server.setErrorHandler((error: FastifyError, request, reply) => sendRefusal(reply, refusalOf(error, request)));
  server.setNotFoundHandler((request, reply) =>
    sendRefusal(
      reply,
      new PokewireError('NOT_FOUND', `No route ${request.method} ${pathOf(request)}. See /reference.`),
    ),
  );
}

/** For Fastify's `frameworkErrors`: failures before routing, so no hook has run. */
export function answerFrameworkError(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // The URL is cleaned because the access log repeats it.
  request.raw.url = cleanUrl(request.url);
  if (request.headers['x-request-id'] !== undefined) reply.header('x-request-id', request.id);
  const refusal = invalid('path', 'must be a valid percent-encoded URL');
  reply.raw.once('finish', () => request.server.noteAnswer(request, reply, refusal.status));
  void sendRefusal(reply, refusal);
}

/** The error code for a failure of Node's parser. */
export function codeOfClientError({ code = '' }: NodeJS.ErrnoException): ErrorCode {
  return parserCodes[code] ?? 'INVALID_REQUEST';
}

/** Refuses bytes that are not an HTTP request, too many, or too late, then closes the connection. */
export function answerClientError(code: ErrorCode, socket: Socket): void {
  const status = errorStatuses[code];
  const body = errorBody({ code, message: clientErrorTexts[code] ?? 'The request is not HTTP/1.1.' });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${jsonType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n${body}`,
  );
}

const clientErrorTexts: Partial<Record<ErrorCode, string>> = {
  HEADERS_TOO_LARGE: 'The request head exceeds the size limit.',
  REQUEST_TIMEOUT: 'The request did not arrive in time.',
};

/** For Fastify's `schemaErrorFormatter`: a sentence about the first failure, naming the field. */
export function describeSchemaError(errors: FastifySchemaValidationError[]): Error {
  const first = errors[0]!;
  const missing = first.keyword === 'required' ? String(first.params.missingProperty) : undefined;
  const field = missing ?? (first.instancePath === '' ? 'request' : first.instancePath.slice(1));
  return invalid(field, missing === undefined ? schemaProblem(first) : 'is missing');
}

/** The error that the client gets for a failure. Logs faults. */
export function refusalOf(error: FastifyError, request: FastifyRequest): PokewireError {
  const refusal = codedError(error, request.routeOptions.bodyLimit);
  // A store wraps its faults, and the cause has the details.
  const fault = refusal === error ? refusal.cause : error;
  if (refusal.status >= 500 && fault !== undefined && !isLeft(error, request)) {
    request.log.error({ err: fault, id: request.id }, 'request failed');
  }
  return refusal;
}

/** Whether an answer ended before its first byte because the client left, which is not a fault. */
function isLeft({ code }: FastifyError, { raw }: FastifyRequest): boolean {
  return code === 'ERR_STREAM_PREMATURE_CLOSE' && raw.socket.destroyed;
}

function codedError(error: FastifyError, bodyLimitBytes: number): PokewireError {
  if (error instanceof PokewireError) return error;
  const code = frameworkCodes[error.code];
  if (code === 'BODY_TOO_LARGE') {
    return new PokewireError(code, `The body exceeds the size limit of ${bodyLimitBytes} bytes.`, {
      details: { bodyLimitBytes },
    });
  }
  if (code === 'UNSUPPORTED_MEDIA_TYPE') {
    return new PokewireError(code, `Send the body as JSON, with the header "content-type: ${jsonType}".`);
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new PokewireError('INVALID_REQUEST', error.message);
  }
  return new PokewireError('INTERNAL_ERROR', 'The server failed; its log has the cause.', { cause: error });
}

/** Sends an error in the common format, or as a page if a browser opened the address. */
export function sendRefusal(reply: FastifyReply, error: PokewireError): FastifyReply {
  // Fastify sets `connection: close`. With an unread body, closing causes a reset, which loses the answer. So the
  // header is removed, and the rest of the body is dropped for a second, as after every other error. The header set by
  // open-connection.ts stays.
  const { raw } = reply;
  if (error.status === 413 && !(raw.hasHeader('connection') && raw.req.complete)) reply.removeHeader('connection');
  // Required by RFC 9110, section 11.6.1.
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="pokewire"');
  if (error.status === 503) {
    retryAfter(reply, leastRetrySeconds, retrySpreadSeconds);
    // Frees the descriptor until the client retries. With an unread body, closing would cause a reset.
    if (placeless.has(error.code) && !hasBody(reply.request)) reply.header('connection', 'close');
  }
  const page = reply.server.refusalPage(reply.request, error);
  const headers = page?.headers ?? { 'content-type': jsonType, 'cache-control': 'no-store' };
  // As bytes, because the route's response schema describes successes only, and Fastify adds a charset to JSON text.
  const body = Buffer.from(page?.html ?? cleanJson(errorBody(error)));
  return reply.code(error.status).headers(headers).send(body);
}

/** Errors for lack of capacity, after which the connection is closed. */
const placeless: ReadonlySet<ErrorCode> = new Set(['TOO_MANY_SUBSCRIPTIONS', 'OVERLOADED']);

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!;
}
