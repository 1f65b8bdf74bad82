import { advice, ofPokewire } from './advice.js';

/** An event later than this beyond the round-trip time was buffered, not just slow. */
const lateMs = 800;

/** A verdict: `state` (good, info, mind, bad), a short `value`, a `sentence`, and `settings` to change. */
export const verdict = (state, value, sentence, settings = []) => ({ state, value, sentence, settings });

export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)} s`;
const milliseconds = (ms) => (ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : seconds(ms));

/** The name of the proxy that answered, if it gives one; undefined: nothing indicates a proxy. */
export function namedProxy({ headers, seen, protocol, scheme }) {
  // Some proxies, such as Caddy, add their name to Pokewire's; browsers join both with a comma.
  const servers = (headers.server ?? '').split(',').map((name) => name.trim());
  const known = servers.find((name) => /nginx|apache|cloudflare|envoy|caddy|iis/i.test(name));
  if (known !== undefined) return known;
  if (headers.via !== null) return viaName(headers.via);
  // Pokewire itself supports neither TLS nor HTTP/2.
  const isTranslated = scheme === 'https:' || protocol === 'h2' || protocol === 'h3';
  return isTranslated || seen.proxyHeaders.length > 0 ? 'an unnamed proxy' : undefined;
}

/** The last proxy in a `Via` header, without the protocol and the comment (RFC 9110, 7.6.3). */
function viaName(via) {
  const last = via.split(',').at(-1).trim();
  return last.split(/\s+/)[1] ?? last;
}

/** The HTTP version between the browser and whatever answers it. */
export function judgeProtocol(connection) {
  const { protocol, page } = connection;
  if (protocol === 'h2' || protocol === 'h3') {
    return verdict('good', `HTTP/${protocol.slice(1)}`, 'All streams from this browser share one connection.');
  }
  const sentence =
    'With HTTP/1.1 a browser opens at most six connections to a host, over all its tabs, and each stream takes one: a ' +
    'seventh waits. HTTP/2 has no such limit.';
  const value = protocol === '' ? 'unknown' : protocol.toUpperCase();
  // Browsers use HTTP/2 only over TLS, which requires a proxy; there is none during development.
  if (isLoopback(page) && namedProxy(connection) === undefined) return verdict('info', value, sentence);
  return verdict('mind', value, sentence, advice.http2);
}

function isLoopback(host) {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

/** The request as it reaches the server. */
export function judgeConnection(connection) {
  const { seen, page, scheme } = connection;
  const proxy = namedProxy(connection);
  const settings = [];
  if (seen.host !== page) settings.push(...advice.host);
  if (scheme === 'https:' && seen.scheme === 'http') settings.push(...advice.forwardedProto);
  if (proxy !== undefined) {
    if (!seen.proxyHeaders.includes('x-forwarded-for')) settings.push(...advice.forwardedFor);
    else if (!seen.addressIsForwarded) {
      settings.push(
        ofPokewire(
          `--trusted-proxies ${seen.address}`,
          'The proxy forwards your address, but Pokewire does not trust it.',
        ),
      );
    }
    if (seen.httpVersion === '1.0') settings.push(...advice.keepAlive);
  }
  const route = proxy === undefined ? 'No proxy identifies itself.' : `The last proxy is ${proxy}.`;
  const arrived = `The server received HTTP/${seen.httpVersion} for host ${seen.host} from ${seen.address}.`;
  return verdict(settings.length > 0 ? 'mind' : 'good', proxy ?? 'no proxy seen', `${route} ${arrived}`, settings);
}

/** Whether events arrive as they are sent. */
export function judgeDelivery({ ticks, isWhole }, roundTripMs, due) {
  if (!isWhole) {
    return verdict('bad', `${ticks.length} of ${due}`, 'The stream was cut before its end.', advice.duration);
  }
  const delays = ticks.map(({ sentMs, atMs }) => atMs - sentMs);
  const slowestMs = Math.max(...delays);
  const heldMs = slowestMs - roundTripMs;
  const bursts = burstsOf(ticks);
  const together = bursts.filter(({ length }) => length > 1).reduce((sum, { length }) => sum + length, 0);
  const value = `within ${milliseconds(slowestMs)}`;
  if (heldMs > lateMs && together > ticks.length / 3) {
    return verdict(
      'bad',
      `held ${seconds(heldMs)}`,
      `${ticks.length} events came in ${bursts.length === 1 ? 'one burst' : `${bursts.length} bursts`}: something ` +
        'buffers the stream before it passes it on. Pokes arrive late, or only together with the next ones.',
      advice.buffering,
    );
  }
  if (heldMs > lateMs) {
    const late = delays.filter((delayMs) => delayMs - roundTripMs > lateMs).length;
    const sentence = isPushed(ticks, roundTripMs)
      ? 'Each event came only after the next one was sent: something holds back the newest one.'
      : `${late} of ${ticks.length} events came more than ${seconds(lateMs)} late: something held them back, or the network stalled.`;
    return verdict('bad', `up to ${seconds(slowestMs)}`, sentence, advice.buffering);
  }
  if (together > 0) {
    const sentence =
      `${together} of ${ticks.length} events came together with another one, although they were sent at least ` +
      `${milliseconds(leastGapMs(ticks))} apart: something buffers them briefly, or the network or this browser was busy.`;
    return verdict('mind', value, sentence, advice.buffering);
  }
  const way = 'The time includes one round trip to the server.';
  const isAhead = ticks.every(({ atMs }, n) => n === ticks.length - 1 || atMs < ticks[n + 1].sentMs);
  const ahead = isAhead
    ? 'Every event arrived by itself, before the next one was sent.'
    : 'Every event arrived by itself.';
  return verdict('good', value, `${ahead} ${way}`);
}

/** Groups of events that arrived together: in one piece, or in pieces that a proxy forwarded at the same time. */
function burstsOf(ticks) {
  const bursts = [];
  for (const [n, tick] of ticks.entries()) {
    const before = ticks[n - 1];
    const isAlone =
      before === undefined || (tick.piece !== before.piece && tick.atMs - before.atMs > burstMs(tick, before));
    if (isAlone) bursts.push([tick]);
    else bursts.at(-1).push(tick);
  }
  return bursts;
}

/** Events closer together than a tenth of their sending interval count as one group. */
function burstMs(tick, before) {
  return (tick.sentMs - before.sentMs) / 10;
}

function leastGapMs(ticks) {
  return Math.min(...ticks.slice(1).map(({ sentMs }, n) => sentMs - ticks[n].sentMs));
}

/** Whether every event but the last was delayed until the next one arrived. */
function isPushed(ticks, roundTripMs) {
  return ticks.slice(0, -1).every(({ atMs }, n) => atMs - roundTripMs / 2 >= ticks[n + 1].sentMs);
}

/** Whether a real subscription is greeted at once, since a proxy may have separate settings for /subscribe. */
export function judgeGreeting({ refused, endedMs }, greetedMs, roundTripMs, delivery) {
  const isHeldToo = delivery.state === 'bad';
  const [help, settings] = isHeldToo ? [' What helps the events helps here, too.', []] : ['', advice.buffering];
  if (greetedMs !== undefined && greetedMs - roundTripMs <= lateMs) {
    return verdict(
      'good',
      `within ${milliseconds(greetedMs)}`,
      'The greeting of a real subscription was not held back.',
    );
  }
  if (greetedMs !== undefined) {
    const sentence = `The greeting of a real subscription took ${seconds(greetedMs)}: something held it back, or the server was slow.`;
    return verdict('bad', `after ${seconds(greetedMs)}`, sentence + help, settings);
  }
  if (refused !== undefined) return verdict('bad', 'refused', `No subscription could be opened: ${refused}`);
  if (endedMs !== undefined) {
    const sentence = `A subscription ended after ${seconds(endedMs)}, before anything of it had arrived.`;
    return verdict('bad', 'cut', sentence, advice.duration);
  }
  const sentence = 'Nothing of a real subscription has arrived so far: its first bytes are held back.';
  return verdict('bad', 'no greeting', sentence + help, settings);
}

/** Whether a proxy compresses the stream. */
export function judgeCompression({ headers }, delivery) {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return verdict('good', 'none', 'Event streams arrive here uncompressed.');
  if (delivery.state === 'good') {
    return verdict('good', encoding, 'Something compresses event streams, but still passes each event on at once.');
  }
  return verdict(
    delivery.state,
    encoding,
    'Something compresses event streams, and may wait until there is enough to compress.',
    advice.compression,
  );
}
