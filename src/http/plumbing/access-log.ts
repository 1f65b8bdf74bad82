import type { ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import type { Histogram, Series } from '../../telemetry/histogram.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { routeConfigOf } from './route-config.ts';
import type { Server } from './server.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Logs and counts an answer that Fastify did not send, under this status. */
    noteAnswer: (request: FastifyRequest, reply: FastifyReply, status: number) => void;
    /** Logs and counts a request whose answer was not sent completely. */
    noteBroken: (response: ServerResponse, status: number) => void;
    /** Logs and counts a refusal before there was a request. */
    noteRefused: (status: number) => void;
  }
}

/** Monitoring requests these every few seconds, so they are logged only at debug level. */
const quietRoutes = new Set(['/health', '/ready', '/metrics']);

/** The status of a fault, which has an alert. */
const faultStatus = 500;

const httpBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Fastify does not log an error with this code as a failure. */
const brokenOff = Object.assign(new Error('The connection ended before the answer.'), {
  code: 'ERR_STREAM_PREMATURE_CLOSE',
});

/** One log line and one observation per request, at its end. Event streams log their own. */
export function useAccessLog(server: Server, metrics: Metrics, log: FastifyBaseLogger): void {
  const endings = new Endings(metrics, log);
  const note = (request: FastifyRequest, reply: FastifyReply, status: number): void => {
    const route = routeConfigOf(request).url ?? 'none';
    const elapsedMs = reply.elapsedTime;
    const { duration, log: lines, level } = endings.of(request.method, route, status);
    duration.observe(elapsedMs / 1000);
    lines[level](lineOf(request, elapsedMs), 'request');
  };
  const broken = new WeakMap<ServerResponse, number>();
  server.decorate('noteAnswer', (request, reply, status) => {
    if (!broken.has(reply.raw)) note(request, reply, status);
  });
  // If a series started with its first fault, `increase()` and so the alert would miss that fault.
  server.addHook('onRoute', ({ method, url, schema }) => {
    if (schema?.hide !== true) for (const name of [method].flat()) endings.of(name, url, faultStatus);
  });
  const noteRefused = (status: number): void => {
    endings.of('none', 'none', status).duration.observe(0);
    log.info({ status }, 'request');
  };
  server.decorate('noteRefused', noteRefused);
  server.decorate('noteBroken', (response, status) => {
    broken.set(response, status);
    // Fastify adds an error listener to each response it handles, and then calls the hook below. Checking for it costs requests nothing.
    if (response.listenerCount('error') === 0) noteRefused(status);
    else response.emit('error', brokenOff);
  });
  server.addHook('onResponse', (request, reply, done) => {
    const { raw, statusCode } = reply;
    note(request, reply, raw.writableFinished ? statusCode : (broken.get(raw) ?? statusCode));
    done();
  });
}

type Level = 'error' | 'warn' | 'info' | 'debug';

/** The properties that requests with the same outcome share. */
type Ending = {
  readonly duration: Series;
  /** With method and status serialized in advance, which saves a sixth of a line's cost (load/micro/log.ts). */
  readonly log: FastifyBaseLogger;
  readonly level: Level;
};

/** Request outcomes, looked up without building their labels. */
class Endings {
  readonly #durations: Histogram<'method' | 'route' | 'status'>;
  readonly #log: FastifyBaseLogger;
  readonly #known = new Map<string, Map<string, Map<number, Ending>>>();

  constructor(metrics: Metrics, log: FastifyBaseLogger) {
    this.#durations = metrics.histogram({
      name: 'pokewire_http_request_duration_seconds',
      help: 'Requests other than event streams, from the head received to the last byte sent.',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: httpBuckets,
    });
    this.#log = log;
  }

  of(method: string, route: string, status: number): Ending {
    return this.#known.get(route)?.get(method)?.get(status) ?? this.#add(method, route, status);
  }

  #add(method: string, route: string, status: number): Ending {
    const duration = this.#durations.series({ method, route, status: String(status) });
    const ending: Ending = { duration, log: this.#log.child({ method, status }), level: levelOf(route, status) };
    const ofRoute = this.#known.getOrInsertComputed(route, () => new Map());
    ofRoute.getOrInsertComputed(method, () => new Map()).set(status, ending);
    return ending;
  }
}

// 503 and 507 are refusals that the settings imply; 500 is a fault.
function levelOf(route: string, status: number): Level {
  if (status >= 500) return status === 500 ? 'error' : 'warn';
  return quietRoutes.has(route) ? 'debug' : 'info';
}

// Omits the query, which may contain a token.
function lineOf(request: FastifyRequest, elapsedMs: number) {
  const { id, url } = request;
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  return { id, path, ms: Math.round(elapsedMs * 1000) / 1000 };
}
