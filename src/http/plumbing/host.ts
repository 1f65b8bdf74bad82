import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { invalid, type PokewireError } from '../../errors.ts';
import { type AllowedHostsOptions, hostCheck, misdirected } from './allowed-hosts.ts';

/** RFC 9112, section 3.2, with the host and port of RFC 3986, section 3.2: a name, an IPv4 address, or a literal in brackets. */
const hostAndPort =
  /^(?:\[([\da-f:.]+|v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)\]|(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})+)(?::(\d*))?$/i;

const maxPort = 65_535;

/**
 * Judges the host that a request is for: the refusal, or undefined. `allowed` undefined: every valid one may be asked for.
 * The last `Host` that passed is remembered, because most requests are for the same one.
 */
export function hostRefusals(
  allowed: AllowedHostsOptions | undefined,
): (request: IncomingMessage) => PokewireError | undefined {
  const isAllowed = allowed === undefined ? () => true : hostCheck(allowed);
  let lastPassed: string | undefined;
  return (request) => {
    const { host } = request.headers;
    const authority = request.url!.startsWith('/') ? undefined : authorityOf(request.url!);
    const isKnown = host !== undefined && host === lastPassed && authority === undefined;
    const problem = isKnown ? repetition(request) : hostProblem(request);
    if (problem !== undefined) return invalid('Host', problem);
    const asked = authority ?? host;
    // HTTP/1.0 needs no Host; every browser sends one.
    if (isKnown || asked === undefined) return undefined;
    if (!isAllowed(asked)) return misdirected(asked);
    if (authority === undefined) lastPassed = asked;
    return undefined;
  };
}

/** Why the header must be refused; undefined: it may stand. */
function hostProblem(request: IncomingMessage): string | undefined {
  const { host } = request.headers;
  if (host === undefined) return request.httpVersion === '1.0' ? undefined : 'is missing, and HTTP/1.1 requires it';
  return isHost(host) ? repetition(request) : 'must be a host name or address, with or without a port';
}

function isHost(text: string): boolean {
  const parts = hostAndPort.exec(text);
  if (parts === null) return false;
  const [, literal, port = ''] = parts;
  const isLiteralValid = literal === undefined || /^v/i.test(literal) || isIPv6(literal);
  return isLiteralValid && Number(port) <= maxPort;
}

/** The problem of a header that is given twice: Node keeps the first and drops the others. */
function repetition({ rawHeaders }: IncomingMessage): string | undefined {
  let lines = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') lines++;
  }
  return lines > 1 ? 'must be given once' : undefined;
}

/** The host of a target in absolute form, which wins over the header (RFC 9112, 3.2.2). */
function authorityOf(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}
