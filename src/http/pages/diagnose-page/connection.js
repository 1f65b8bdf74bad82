import { serverError } from '../common/server-error.js';
import { readEventStream } from './event-stream.js';

/** Reads an event stream from the page's server. */
export function read(path, options) {
  return readEventStream(path, { ...options, refusalOf: serverError });
}

/** Requests the server's view of the connection three times; the fastest answer gives the round-trip time. */
export async function measureConnection(signal) {
  const url = new URL('diagnose/connection', document.baseURI).href;
  let seen;
  let roundTripMs = Number.POSITIVE_INFINITY;
  let headers;
  for (let asked = 0; asked < 3; asked++) {
    const startMs = performance.now();
    const response = await fetch(url, { cache: 'no-store', signal });
    if (!response.ok) throw new Error(await serverError(response));
    seen = await response.json();
    headers = { server: response.headers.get('server'), via: response.headers.get('via') };
    roundTripMs = Math.min(roundTripMs, performance.now() - startMs);
  }
  const { nextHopProtocol } = performance.getEntriesByType('navigation')[0];
  return { seen, roundTripMs, headers, protocol: nextHopProtocol, page: location.host, scheme: location.protocol };
}
