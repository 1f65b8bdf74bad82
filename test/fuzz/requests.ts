import type { Random, Weighted } from '../support/random.ts';
import type { Route } from '../support/routes.ts';
import { newMessages, retentionLimits, rpcCall, selectors } from './bodies.ts';
import { fuzzHeaders, randomQuery } from './fields.ts';
import { bodyOf, encodeOddly, type FuzzRequest, requestOf } from './framing.ts';
import { oddHost } from './hosts.ts';
import { importLines } from './import-lines.ts';
import { fuzzName, jsonValue, mutate } from './values.ts';

/** Targets and credentials for requests. */
export type World = {
  readonly routes: readonly Route[];
  readonly rpcMethods: readonly string[];
  /** Tokens of the namespace under attack, whose data may all be lost. */
  readonly tokens: { readonly admin: string; readonly reader: string; readonly operator: string };
  /** Whether the server accepts only its own hosts. */
  readonly checksHosts: boolean;
};

/** Routes with long answers or full reads, of which a few are enough. */
const heavy = /^\/(metrics|openapi\.json|export|docs\/reference)/;

/** Routes weighted by how often they are requested. Event streams use separate connections. */
export function weighRoutes(routes: readonly Route[]): Weighted<Route> {
  return routes
    .filter(({ url, isStream }) => url !== '*' && !isStream)
    .map((route) => [weightOf(route), route] as const);
}

function weightOf({ method, url, bodies, isDescribed }: Route): number {
  if (heavy.test(url)) return 0.3;
  if (!isDescribed) return method === 'GET' ? 0.4 : 0.1;
  return bodies !== undefined ? 12 : method === 'POST' ? 8 : 4;
}

const otherMethods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'QUERY',
];

/** A request with valid framing, which must be answered whatever its content. */
export function fuzzRequest(random: Random, world: World, routes: Weighted<Route>): FuzzRequest {
  const route = random.weighted(routes);
  const isOwnMethod = random.chance(0.95);
  const method = isOwnMethod ? route.method : random.pick(otherMethods);
  const path = route.url.replaceAll(/:\w+|\*/g, (name) =>
    name === ':position' && random.chance(0.9) ? String(random.int(0, 30)) : encodeOddly(random, fuzzName(random)),
  );
  const isOwnPath = random.chance(0.92);
  const target = (isOwnPath ? path : oddPath(random, path)) + randomQuery(random, route, world.tokens.admin);
  const body = random.chance(0.95) || route.bodies === undefined ? bodyFor(random, world, route) : undefined;
  const headers = fuzzHeaders(random, world.tokens, body !== undefined, route.method);
  const request = requestOf(random, {
    method,
    target,
    headers,
    body,
    ...(random.chance(0.03) ? { host: oddHost(random) } : {}),
    route: isOwnMethod && isOwnPath ? route : undefined,
  });
  // Like the stream itself, HEAD of one closes the connection.
  const isStreamUrl = world.routes.some(({ isStream, url }) => isStream && url === route.url);
  return isStreamUrl ? { ...request, mayClose: true } : request;
}

/** An event stream with a usually valid query; mostly a subscription. */
export function streamTarget(random: Random, world: World, token: string): string {
  const streams = world.routes.filter(({ isStream }) => isStream);
  const route = random.weighted(streams.map((stream) => [stream.url === '/subscribe' ? 8 : 1, stream]));
  if (route.url !== '/subscribe') return `${route.url}${randomQuery(random, route, token) || '?'}&token=${token}`;
  const good = random.weighted([
    [3, 'all=true'],
    [1, `all=true&hello=true&lastEventId=${random.int(0, 1e9)}`],
    [1, 'category=a&hello=true&heartbeat=head&epoch=00000000-0000-4000-8000-000000000000'],
    [1, 'stream=a-1&position=3&hello=true&heartbeat=head&conflate=true'],
    [3, `stream=${encodeOddly(random, fuzzName(random))}`],
    [3, 'category=a&category=account'],
    [2, `category=a&consumer=${random.int(0, 2)}&size=${random.int(1, 3)}`],
  ]);
  const query = random.chance(0.6) ? `?${good}` : randomQuery(random, route, token);
  const more = random.chance(0.3) ? `&${randomQuery(random, route, token).slice(1)}` : '';
  return `/subscribe${query === '' ? '?' : query}${more}${random.chance(0.9) ? `&token=${token}` : ''}`;
}

function bodyFor(random: Random, world: World, route: Route): Buffer | undefined {
  const { url, bodies } = route;
  if (url === '/import') return importLines(random);
  if (bodies === undefined)
    return random.chance(0.05) ? bodyOf(random.pick(['', '{}', 'x', jsonValue(random)])) : undefined;
  const text = random.weighted<() => string>([
    [
      8,
      () =>
        url === '/rpc'
          ? rpcCall(random, world.rpcMethods)
          : url === '/subscribe/ticket'
            ? selectors(random)
            : url.endsWith('/retention')
              ? retentionLimits(random)
              : newMessages(random),
    ],
    [1, () => random.pick(bodies)],
    [1, () => jsonValue(random)],
    [0.02, () => 'x'.repeat(70_000)],
  ])();
  const body = bodyOf(text);
  return random.chance(0.12) ? mutate(random, body) : body;
}

function oddPath(random: Random, path: string): string {
  const oddly = random.weighted<() => string>([
    [2, () => `${path}/`],
    [2, () => `/${path}`],
    [2, () => path.replace(/\//g, () => random.pick(['/', '//', '/./', '/../', '%2f', '%2F', '\\']))],
    [
      2,
      () =>
        `${path}${random.pick([';x', ';/..', '%00', '%', '%zz', '%ff', '%c0%af', '%u0041', '#a', '.json', '|', '<'])}`,
    ],
    [2, () => encodeOddly(random, decodeURIComponent(encodeURIComponent(path)), 0.5)],
    [1, () => path.toUpperCase()],
    [1, () => `http://evil.example:1${path}`],
    [
      1,
      () =>
        `/${random.pick(['__proto__', 'constructor', 'streams/../docs', '.git/config', 'favicon.ico', 'a'.repeat(3_000)])}`,
    ],
    [1, () => `/${'a/'.repeat(random.int(1, 1_000))}`],
    [1, () => `/${random.times(1, 30, () => String.fromCharCode(random.int(0x21, 0x7e))).join('')}`],
    [1, () => '*'],
  ])();
  return oddly.replaceAll(/[^\x21-\x7e]/g, '');
}
