import type { FastifyContextConfig, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Cache of {@link routeConfigOf}. */
    routeConfig: RouteConfig | undefined;
  }
}

/** A route's `config` and URL; an unknown path has no `url`. */
export type RouteConfig = FastifyContextConfig & { readonly url?: string };

/**
 * The config of the request's route, needed by several hooks. Fastify creates an object with twelve members each time
 * `routeOptions` is read (load: append --compare).
 */
export function routeConfigOf(request: FastifyRequest): RouteConfig {
  request.routeConfig ??= request.routeOptions.config;
  return request.routeConfig;
}
