import type { FastifyContextConfig, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Kept by {@link routeConfigOf}. */
    routeConfig: RouteConfig | undefined;
  }
}

/** What a route was given as `config`, and where it is; a path that is no route has no `url`. */
export type RouteConfig = FastifyContextConfig & { readonly url?: string };

/**
 * The config of the request's route, which several hooks of every request need. Fastify makes an object of twelve members
 * each time that `routeOptions` is read (load: append --compare).
 */
export function routeConfigOf(request: FastifyRequest): RouteConfig {
  request.routeConfig ??= request.routeOptions.config;
  return request.routeConfig;
}
