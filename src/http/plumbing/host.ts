import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';

/** RFC 9112, section 3.2, with the host and port of RFC 3986, section 3.2: a name, an IPv4 address, or a literal in brackets. */
const hostAndPort =
  /^(?:\[([\da-f:.]+|v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)\]|(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})+)(?::(\d*))?$/i;

const maxPort = 65_535;

/** Most requests are for the same host. */
let lastValid = '';

/** Why the `Host` of a request must be refused; undefined: it may stand. */
export function hostProblem({ rawHeaders, headers, httpVersion }: IncomingMessage): string | undefined {
  const { host } = headers;
  if (host === undefined) return httpVersion === '1.0' ? undefined : 'is missing, and HTTP/1.1 needs it';
  if (host !== lastValid) {
    if (!isHost(host)) return 'must be a host name or address, with or without a port';
    lastValid = host;
  }
  let lines = 0;
  // Node keeps the first and drops the others.
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') lines++;
  }
  return lines > 1 ? 'must be given once' : undefined;
}

function isHost(text: string): boolean {
  const parts = hostAndPort.exec(text);
  if (parts === null) return false;
  const [, literal, port = ''] = parts;
  const isLiteralValid = literal === undefined || /^v/i.test(literal) || isIPv6(literal);
  return isLiteralValid && Number(port) <= maxPort;
}
