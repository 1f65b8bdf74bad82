import { type ErrorCode, errorStatuses } from '../../src/errors.ts';
import type { FuzzRequest } from './framing.ts';
import type { HttpResponse } from './responses.ts';

/** Codes about the requested resource, and the only routes that may return them. */
const places: Partial<Record<ErrorCode, RegExp>> = {
  STREAM_NOT_FOUND: /^\/streams\/:stream$/,
  MESSAGE_NOT_FOUND: /^(\/rpc|.*\/last|.*\/:position)$/,
  METHOD_NOT_FOUND: /^\/rpc$/,
  NAMESPACE_EXISTS: /^\/rpc$/,
  STREAM_VERSION_CONFLICT: /^(\/rpc|.*\/messages)$/,
  DUPLICATE_MESSAGE_ID: /^(\/rpc|.*\/messages)$/,
  STORE_FULL: /^(\/rpc|.*\/messages)$/,
  TOO_MANY_NAMESPACES: /^(\/rpc|.*\/messages|\/import)$/,
  TOO_MANY_SUBSCRIPTIONS: /^\/subscribe$/,
};

/** Codes that a healthy server never returns, whatever the request. */
const faults: readonly string[] = ['INTERNAL_ERROR', 'BACKEND_ERROR', 'NOT_READY', 'OVERLOADED'];

/** Refusals by the parser have only framing headers. */
const parserRefusals = [400, 408, 431];

/** Known facts about a request; for bytes that may not be one, at most the method. */
export type Asked = Pick<FuzzRequest, 'method' | 'id' | 'route' | 'host'>;

/** The error in an answer; undefined: none. `checksHosts`: the server accepts only its own hosts. */
export function judge(response: HttpResponse, request: Asked, checksHosts: boolean): string | undefined {
  const { status, headers, body } = response;
  const misled = judgeHost(response, request, checksHosts);
  if (misled !== undefined) return misled;
  const isHead = request.method === 'HEAD';
  const isRefusal = parserRefusals.includes(status) && headers.get('connection') === 'close';
  if (!isRefusal && !headers.get('server')?.startsWith('EventoDB/')) return 'it does not say what server it is from';
  if (request.id !== undefined && !isRefusal && headers.get('x-request-id') !== request.id) {
    return `it is for request ${headers.get('x-request-id')}`;
  }
  if (status >= 400) return judgeError(response, request, isHead);
  const { route } = request;
  if (route !== undefined && !route.successes.has(status)) return `${route.method} ${route.url} documents no ${status}`;
  if (isHead || !isJson(headers)) return undefined;
  return parse(body) === undefined ? 'its body is not JSON' : undefined;
}

/** The host is checked before anything else except the syntax. */
function judgeHost({ status, headers }: HttpResponse, { host, route }: Asked, checksHosts: boolean) {
  if (host === 'malformed') {
    const isRefused = parserRefusals.includes(status) && (route === undefined || headers.get('connection') === 'close');
    return isRefused ? undefined : 'its host is none';
  }
  if (host !== 'foreign' || !checksHosts || status === 421) return undefined;
  return route !== undefined || status < 400 ? 'it is for another host' : undefined;
}

function judgeError({ status, headers, body }: HttpResponse, request: Asked, isHead: boolean): string | undefined {
  if (status === 405 && !headers.has('allow')) return 'it does not say what is allowed';
  if ((status === 429 || status === 503) && !/^\d+$/.test(headers.get('retry-after') ?? '')) {
    return 'it does not say when to come again';
  }
  if (isHead && body.length === 0) return status >= 500 ? 'it is a fault' : undefined;
  if (headers.get('content-type') !== 'application/json') return 'its type is not JSON';
  const { error } = (parse(body) ?? {}) as { error?: { code?: unknown; message?: unknown } };
  const { code, message } = error ?? {};
  if (typeof code !== 'string' || typeof message !== 'string' || message === '')
    return 'it is not in the shape of errors';
  if (!Object.hasOwn(errorStatuses, code)) return `its code ${code} is not documented`;
  if (faults.includes(code)) return 'it is a fault';
  // EventoDB's code for both, see docs/eventodb.md.
  const isRpcRefusal = code === 'INVALID_REQUEST' && (status === 405 || status === 413);
  if (errorStatuses[code as ErrorCode] !== status && !isRpcRefusal) return `${code} does not go with ${status}`;
  const place = places[code as ErrorCode];
  const url = request.route?.url;
  return place !== undefined && url !== undefined && !place.test(url) ? `${url} does not document ${code}` : undefined;
}

function isJson(headers: ReadonlyMap<string, string>): boolean {
  return headers.get('content-type') === 'application/json';
}

/** The JSON of a body; undefined if it is not JSON or not UTF-8. */
function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
