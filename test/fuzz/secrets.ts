import type { Random } from '../support/random.ts';
import { encodeOddly, type FuzzRequest, type Header, requestOf } from './framing.ts';
import type { HttpResponse } from './responses.ts';

/** A request with a token in the wrong place. Nothing it stores contains the token. */
export function misplacedSecret(random: Random, admin: string, secret: string): FuzzRequest {
  const bearer: Header = ['Authorization', `Bearer ${admin}`];
  const json: Header = ['Content-Type', 'application/json'];
  const asked = (target: string, ...headers: readonly Header[]) =>
    requestOf(random, { method: 'GET', target, headers, body: undefined, route: undefined });
  const sent = (target: string, body: string, ...headers: readonly Header[]) =>
    requestOf(random, { method: 'POST', target, headers, body: Buffer.from(body), route: undefined });
  const inTarget = () => {
    const path = random.pick([
      '/streams',
      '/subscribe',
      '/health',
      '/categories',
      '/nowhere',
      '/docs',
      '/openapi.json',
    ]);
    const name = random.pick(['token', 'Token', 'ticket', 'access_token', 'x']);
    const before = random.pick([
      '&',
      ';',
      '/',
      ',',
      '%26',
      '%3F',
      '//',
      '?token=&',
      '?a=',
      '?x=1&limit=',
      '?prefix=a;',
      '#',
    ]);
    return asked(`${path}${before}${name}${random.pick(['=', '=', '%3D', ':'])}${secret}`, bearer);
  };
  const oddHeaders: readonly Header[] = [
    ['X-Request-Id', secret],
    ['X-Request-Id', `a ${secret}`],
    ['Authorization', secret],
    ['Authorization', `Token ${secret}`],
    ['Authorization', `Bearer token=${secret}`],
    ['Authorization', `Bearer ${secret}, ${secret}`],
    ['Last-Event-ID', secret],
    ['Origin', `http://${secret}.example`],
    ['Cookie', `token=${secret}`],
    ['X-Forwarded-For', secret],
    ['Content-Type', `application/json; token=${secret}`],
  ];
  return random.weighted<() => FuzzRequest>([
    [4, inTarget],
    [1, () => asked(`/streams?${encodeOddly(random, secret, 0)}`, bearer)],
    [1, () => asked(`/${secret}`, bearer)],
    [1, () => asked(`/streams/${secret}/messages/last`, bearer)],
    [1, () => asked(`/streams/${secret.replaceAll('_', random.pick(['%5F', '%5f']))}`, bearer)],
    [1, () => asked(`/streams/a%ff${secret}`, bearer)],
    [1, () => asked(`/subscribe?all=maybe&lastEventId=${secret}&heartbeat=${secret}`, bearer)],
    [1, () => asked(`http://${secret}/streams`, bearer)],
    [3, () => sent('/streams/a-1/messages', '{"type":', random.pick(oddHeaders), bearer)],
    [1, () => sent('/streams/a-1/messages', `{"type":"T","data":{},"${secret}":1}`, bearer, json)],
    [1, () => sent('/streams/a-1/messages', `{"type":7,"data":"${secret}"}`, bearer, json)],
    [1, () => sent('/streams/a-1/messages', `{"id":"${secret}","type":"T","data":{}}`, bearer, json)],
    [1, () => sent(`/streams/a-1/messages?expectedVersion=${secret}`, '{}', bearer, json)],
    [1, () => sent('/rpc', `["${secret}"]`, bearer)],
    [1, () => sent('/rpc', `["ns.info","${secret}"]`, bearer)],
    [1, () => sent('/rpc', `["ns.token.revoke","chaos","${secret}"]`, bearer)],
    [1, () => sent('/rpc', `["stream.get","a-1",{"position":"${secret}"}]`, bearer)],
    [1, () => sent('/rpc', secret, bearer)],
    [1, () => sent('/import', `${secret}\n`, bearer)],
    [1, () => sent('/import', `{"id":"${secret}","stream":"i-1"}\n`, bearer)],
    [1, () => sent('/subscribe/ticket', `{"stream":["${secret}"],"all":true}`, bearer, json)],
  ])();
}

/** The secret parts of tokens. */
export function secretPartsOf(tokens: readonly string[]): string[] {
  return tokens.map((token) => token.slice(-64));
}

/**
 * The part of an answer that repeats a secret; undefined: none. A session's cookie contains its token, and test mode
 * returns the token of `default`.
 */
export function leakIn({ headers, body }: HttpResponse, parts: readonly string[]): string | undefined {
  for (const [name, value] of headers) {
    if (name === 'set-cookie' || name === 'x-eventodb-token') continue;
    if (parts.some((part) => value.includes(part))) return `its ${name} holds a token`;
  }
  return parts.some((part) => body.includes(part)) ? 'its body holds a token' : undefined;
}
