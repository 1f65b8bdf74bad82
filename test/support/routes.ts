import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { startTestApp } from './start-app.ts';

/** A query parameter, from its schema. */
export type Parameter = { readonly name: string; readonly type: string | undefined };

/** One method of one path, from the server's own route list, so that new routes are fuzzed automatically. */
export type Route = {
  readonly method: string;
  /** Pattern, e.g. `/streams/:stream`. */
  readonly url: string;
  readonly parameters: readonly Parameter[];
  /** Bodies shown in the description, as JSON; undefined: it takes none. */
  readonly bodies: readonly string[] | undefined;
  /** Documented statuses below 400. */
  readonly successes: ReadonlySet<number>;
  /** Whether it is in the API description; otherwise it is a page or an error. */
  readonly isDescribed: boolean;
  /** Whether the answer is endless, so that the connection takes no other requests. */
  readonly isStream: boolean;
};

type BodySchema = { readonly examples?: readonly unknown[]; readonly anyOf?: readonly BodySchema[] };
type Schema = {
  readonly hide?: boolean;
  readonly querystring?: { readonly properties: Readonly<Record<string, { readonly type?: string }>> };
  readonly body?: BodySchema;
  readonly produces?: readonly string[];
  readonly response?: Readonly<Record<string, { readonly content?: object }>>;
};

/** Statuses of pages, redirects, files and preflights, which have no schemas. */
const undescribedSuccesses = [200, 204, 206, 302, 303, 304];

/** All routes of the server, as Fastify announces them while it is built. */
export async function routesOfApp(): Promise<Route[]> {
  const routes: Route[] = [];
  const note = (options: RouteOptions) => {
    routes.push(...[options.method].flat().map((method) => route(method, options)));
  };
  await using _app = await attendingServers(
    (fastify) => fastify.addHook('onRoute', note),
    () => startTestApp(),
  );
  return routes;
}

/** Runs a function, calling `attend` for each server created in it before anything is added to the server. */
export async function attendingServers<T>(
  attend: (fastify: FastifyInstance) => void,
  run: () => Promise<T>,
): Promise<T> {
  const told = (message: unknown) => attend((message as { readonly fastify: FastifyInstance }).fastify);
  subscribe('fastify.initialization', told);
  try {
    return await run();
  } finally {
    unsubscribe('fastify.initialization', told);
  }
}

function route(method: string, { url, schema }: RouteOptions): Route {
  const { hide = false, querystring, body, response, produces = [] } = (schema ?? { hide: true }) as Schema;
  const described = Object.keys(response ?? { 200: '' }).map(Number);
  const types = [...produces, ...Object.keys(response?.[200]?.content ?? {})];
  return {
    method,
    url,
    parameters: Object.entries(querystring?.properties ?? {}).map(([name, { type }]) => ({ name, type })),
    bodies: body === undefined ? undefined : [body, ...(body.anyOf ?? [])].flatMap(examplesOf),
    successes: new Set(hide ? undescribedSuccesses : described.filter((status) => status < 400)),
    isDescribed: !hide,
    isStream: method === 'GET' && types.includes('text/event-stream'),
  };
}

function examplesOf({ examples = [] }: BodySchema): string[] {
  return examples.map((example) => JSON.stringify(example));
}
