import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics.ts';
import type { Server } from './server.ts';

/** Asked every few seconds by machines; logged only when someone wants every detail. */
const quietRoutes = new Set(['/health', '/ready', '/metrics']);

/** One log line and one observation for each request at its end. Event streams have their own. */
export function useAccessLog(server: Server, metrics: Metrics): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const status = reply.statusCode;
    metrics.httpDuration.observe({ method: request.method, route, status: String(status) }, reply.elapsedTime / 1000);
    request.log[levelOf(route, status)](lineOf(request, reply), 'request');
    done();
  });
}

// 503 and 507 are refusals that the settings ask for; 500 is a fault.
function levelOf(route: string, status: number): 'error' | 'warn' | 'info' | 'debug' {
  if (status >= 500) return status === 500 ? 'error' : 'warn';
  return quietRoutes.has(route) ? 'debug' : 'info';
}

// The path without its query, which may carry a token.
function lineOf(request: FastifyRequest, reply: FastifyReply) {
  return {
    id: request.id,
    method: request.method,
    path: request.url.split('?', 1)[0],
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 1000) / 1000,
  };
}
