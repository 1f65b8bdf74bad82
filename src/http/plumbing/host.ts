import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { invalid, type PokewireError } from '../../errors.ts';
import { type AllowedHostsOptions, hostCheck, misdirected } from './allowed-hosts.ts';

/** RFC 9112, section 3.2, with host and port of RFC 3986, section 3.2: a name, an IPv4 address, or a literal in brackets. */
const hostAndPort =
  /^(?:\[([\da-f:.]+|v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)\]|(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})+)(?::(\d*))?$/i;

const maxPort = 65_535;

/**
 * Checks the host of a request; returns the error or undefined. `allowed` undefined: every valid host is accepted.
 * Remembers the last accepted `Host`, because most requests have the same one.
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
    // HTTP/1.0 does not require Host; every browser sends one.
    if (isKnown || asked === undefined) return undefined;
    if (!isAllowed(asked)) return misdirected(asked);
    if (authority === undefined) lastPassed = asked;
    return undefined;
  };
}

/** The error in the header; undefined: none. */
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

/** The error for a repeated header: Node keeps the first one and drops the others. */
function repetition({ rawHeaders }: IncomingMessage): string | undefined {
  let lines = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') lines++;
  }
  return lines > 1 ? 'must be given once' : undefined;
}

/** The host of a request target in absolute form, which overrides the header (RFC 9112, 3.2.2). */
function authorityOf(target: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}
