import type { IncomingMessage } from 'node:http';

/** RFC 9112, section 3.2, with the host and port of RFC 3986, section 3.2: a name, an IPv4 address, or a literal in brackets. */
const validHost =
  /^(?:\[(?:[\da-f:.]+|v[\da-f]+\.[\w\-.~!$&'()*+,;=:]+)\]|(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})+)(?::\d*)?$/i;

/** Most requests are for the same host. */
let lastValid = '';

/** Why the `Host` of a request must be refused; undefined: it may stand. */
export function hostProblem({ rawHeaders, headers, httpVersion }: IncomingMessage): string | undefined {
  const { host } = headers;
  if (host === undefined) return httpVersion === '1.0' ? undefined : 'is missing, and HTTP/1.1 needs it';
  if (host !== lastValid) {
    if (!validHost.test(host)) return 'must be a host name or address, with or without a port';
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
