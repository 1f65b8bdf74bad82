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

/** Content type of every JSON answer, errors included; exact, because EventoDB's clients compare it. */
export const jsonType = 'application/json';

/** `Retry-After` of a 503: these seconds, plus a random number up to the second one. */
const leastRetrySeconds = 5;
const retrySpreadSeconds = 10;

/** Fastify's own refusals, told apart by their codes. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
};

/** Refusals of Node's HTTP parser. */
const parserCodes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
};

declare module 'fastify' {
  interface FastifyInstance {
    refusalPage: RefusalPage;
  }
}

/** Makes the page that shows a refusal to a visitor; undefined: the request is of a program. */
export type RefusalPage = (
  request: FastifyRequest,
  refusal: PokewireError,
) => { readonly headers: Readonly<Record<string, string>>; readonly html: string } | undefined;

/** Gives every failure on every route the one error shape, or a page. Texts of faults stay in the log. */
export function useErrorHandler(server: FastifyInstance, refusalPage: RefusalPage): void {
  server.decorate('refusalPage', refusalPage);
  server.setErrorHandler((error: FastifyError, request, reply) => sendRefusal(reply, refusalOf(error, request)));
  server.setNotFoundHandler((request, reply) =>
    sendRefusal(reply, new PokewireError('NOT_FOUND', `No route ${request.method} ${pathOf(request)}. See /docs.`)),
  );
}

/** For Fastify's `frameworkErrors`: failures before a route is found, so that no hook has run. */
export function answerFrameworkError(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // The access log names it.
  request.raw.url = cleanUrl(request.url);
  if (request.headers['x-request-id'] !== undefined) reply.header('x-request-id', request.id);
  const refusal = invalid('path', 'must be a valid percent-encoded URL');
  reply.raw.once('finish', () => request.server.noteAnswer(request, reply, refusal.status));
  void sendRefusal(reply, refusal);
}

/** What a failure of Node's parser is to the client. */
export function codeOfClientError({ code = '' }: NodeJS.ErrnoException): ErrorCode {
  return parserCodes[code] ?? 'INVALID_REQUEST';
}

/** Refuses bytes that are no HTTP request, or too many, or too late, and ends the connection behind that. */
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

/** For Fastify's `schemaErrorFormatter`: the first failure as a sentence that names the field. */
export function describeSchemaError(errors: FastifySchemaValidationError[]): Error {
  const first = errors[0]!;
  const missing = first.keyword === 'required' ? String(first.params.missingProperty) : undefined;
  const field = missing ?? (first.instancePath === '' ? 'request' : first.instancePath.slice(1));
  return invalid(field, missing === undefined ? schemaProblem(first) : 'is missing');
}

/** What a failure is to the client; a fault is logged. */
export function refusalOf(error: FastifyError, request: FastifyRequest): PokewireError {
  const refusal = codedError(error, request.routeOptions.bodyLimit);
  // A store wraps its faults: the cause says what failed.
  const fault = refusal === error ? refusal.cause : error;
  if (refusal.status >= 500 && fault !== undefined && !isLeft(error, request)) {
    request.log.error({ err: fault, id: request.id }, 'request failed');
  }
  return refusal;
}

/** Whether an answer stopped before its first byte because its client has gone, which is no fault. */
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

/** Sends a refusal in the one error shape, or as a page where a browser opens the address. */
export function sendRefusal(reply: FastifyReply, error: PokewireError): FastifyReply {
  // Fastify would end the connection, which what is unread makes a reset, and that takes the answer along. So the rest is
  // passed over for a second, as after every other refusal: see open-connection.ts, whose own end is kept.
  const { raw } = reply;
  if (error.status === 413 && !(raw.hasHeader('connection') && raw.req.complete)) reply.removeHeader('connection');
  // RFC 9110, section 11.6.1.
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="pokewire"');
  if (error.status === 503) {
    retryAfter(reply, leastRetrySeconds, retrySpreadSeconds);
    // Frees the descriptor until the client retries. With an unread body, closing would cause a reset.
    if (placeless.has(error.code) && !hasBody(reply.request)) reply.header('connection', 'close');
  }
  const page = reply.server.refusalPage(reply.request, error);
  const headers = page?.headers ?? { 'content-type': jsonType, 'cache-control': 'no-store' };
  // As bytes, because the route's response schema describes its successes, and Fastify adds a charset to JSON text.
  const body = Buffer.from(page?.html ?? cleanJson(errorBody(error)));
  return reply.code(error.status).headers(headers).send(body);
}

/** Refusals for lack of capacity, after which the connection is closed. */
const placeless: ReadonlySet<ErrorCode> = new Set(['TOO_MANY_SUBSCRIPTIONS', 'OVERLOADED']);

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]!;
}
