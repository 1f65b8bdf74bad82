import { advice, ofPokewire } from './advice.js';

/** Later than this behind the round trip, an event was held back and not only slow. */
const lateMs = 800;

/** Each verdict: `state` (good, mind, bad), a short `value`, a `sentence`, and `settings` to change. */
const verdict = (state, value, sentence, settings = []) => ({ state, value, sentence, settings });

export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)} s`;
const milliseconds = (ms) => (ms < 1_000 ? `${Math.max(1, Math.round(ms))} ms` : seconds(ms));

/** The name of what answered, where it tells one. */
export function namedProxy({ headers, seen }) {
  const server = headers.server ?? '';
  const known = [/nginx/i, /apache/i, /cloudflare/i, /envoy/i, /caddy/i, /iis/i].find((name) => name.test(server));
  if (known !== undefined) return server;
  if (headers.via !== null) return headers.via;
  return seen.proxyHeaders.length > 0 ? 'a proxy that does not tell its name' : undefined;
}

/** HTTP between the browser and whoever answers it. */
export function judgeProtocol({ protocol }) {
  if (protocol === 'h2' || protocol === 'h3') {
    return verdict('good', `HTTP/${protocol.slice(1)}`, 'All streams of this browser share one connection.');
  }
  return verdict(
    'mind',
    protocol === '' ? 'unknown' : protocol.toUpperCase(),
    'With HTTP/1.1 a browser opens at most six connections to one host, all its tabs together, and each stream takes ' +
      'one: the seventh tab waits. HTTP/2 lifts that.',
    advice.http2,
  );
}

/** What arrives at the server. */
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
        ofPokewire(`--trusted-proxies ${seen.address}`, 'The proxy tells your address, but is not trusted to.'),
      );
    }
    if (seen.httpVersion === '1.0') settings.push(...advice.keepAlive);
  }
  const asked = `The server got HTTP/${seen.httpVersion} for host ${seen.host} from ${seen.address}`;
  const from = proxy === undefined ? 'Nothing tells of a proxy.' : `Between you is ${proxy}.`;
  return verdict(settings.length > 0 ? 'mind' : 'good', proxy ?? 'direct', `${from} ${asked}.`, settings);
}

/** Whether events arrive as they are sent. */
export function judgeDelivery({ ticks, isWhole }, roundTripMs, due) {
  if (!isWhole) {
    return verdict('bad', `${ticks.length} of ${due}`, 'The stream was cut before its end.', advice.duration);
  }
  const slowestMs = Math.max(...ticks.map(({ sentMs, atMs }) => atMs - sentMs));
  const heldMs = slowestMs - roundTripMs;
  const together = ticks.filter(({ piece }, index) => piece === ticks[index - 1]?.piece).length;
  if (heldMs > lateMs && together >= ticks.length / 3) {
    const pieces = new Set(ticks.map(({ piece }) => piece)).size;
    return verdict(
      'bad',
      `held ${seconds(heldMs)}`,
      `${ticks.length} events came in ${pieces === 1 ? 'one piece' : `${pieces} pieces`}: something collects the stream ` +
        'before it passes it on. Pokes come late, or when the next ones push them.',
      advice.buffering,
    );
  }
  if (heldMs > lateMs) {
    const sentence = 'Events come one by one, but late: each waits for the next one, or the network is slow.';
    return verdict('bad', `up to ${seconds(slowestMs)}`, sentence, advice.buffering);
  }
  const sentence =
    'Every event arrived by itself, before the next one was sent. The time has your way to the server and back in it.';
  return verdict('good', `within ${milliseconds(slowestMs)}`, sentence);
}

/** Whether a real subscription is greeted at once: /subscribe may have settings of its own in a proxy. */
export function judgeGreeting(subscription, greetedMs, delivery) {
  if (greetedMs !== undefined) {
    return verdict('good', `within ${milliseconds(greetedMs)}`, 'The greeting of a real subscription came at once.');
  }
  if (subscription.refused !== undefined) {
    return verdict('bad', 'refused', `The server did not take a subscription: ${subscription.refused}`);
  }
  const sentence =
    'A subscription was opened, and its first bytes are held back: an EventSource here would never say that it is open.';
  if (delivery.state === 'bad') return verdict('bad', 'no greeting', `${sentence} What helps the events helps it too.`);
  return verdict('bad', 'no greeting', sentence, advice.buffering);
}

/** Whether the stream is compressed on its way. */
export function judgeCompression({ headers }, delivery) {
  const encoding = headers['content-encoding'];
  if (encoding === undefined) return verdict('good', 'none', 'Nothing compresses event streams on this way.');
  if (delivery.state === 'good') {
    return verdict('good', encoding, 'Something compresses event streams, and passes each event on all the same.');
  }
  return verdict(
    'bad',
    encoding,
    'Something compresses event streams, and may wait until it is worth it.',
    advice.compression,
  );
}

/** What silence does to a stream, and whether heartbeats prevent it. */
export function judgeSilence(silence, subscription, heartbeatMs) {
  const { outcome, seconds: waited, afterSeconds } = silence;
  const beats =
    heartbeatMs === 0 ? 'Pokewire sends no heartbeats' : `Pokewire’s heartbeats come every ${seconds(heartbeatMs)}`;
  if (outcome === 'survived') {
    const sentence = `Nothing cut a stream that was silent for ${waited} seconds. ${beats}.`;
    if (heartbeatMs > 0 && heartbeatMs < waited * 1000) return verdict('good', `${waited} s and open`, sentence);
    return verdict('mind', `${waited} s and open`, `${sentence} Longer silences were not tried.`);
  }
  const cutMs = outcome === 'cut' ? afterSeconds * 1000 : waited * 1000;
  const what =
    outcome === 'cut'
      ? `Something cuts a stream after ${seconds(cutMs)} of silence.`
      : `Something drops silent connections within ${waited} seconds, and tells neither end.`;
  const value = outcome === 'cut' ? `cut after ${seconds(cutMs)}` : 'lost';
  const { endedMs, arrivals } = subscription;
  if (endedMs === undefined && heartbeatMs > 0 && heartbeatMs < cutMs) {
    return verdict('good', value, `${what} ${beats}, which keeps subscriptions open: the one beside it lived on.`);
  }
  const quietMs = endedMs === undefined ? cutMs : endedMs - (arrivals.at(-1) ?? 0);
  if (endedMs !== undefined && quietMs < cutMs * 0.8) {
    const sentence = `Something cuts streams after ${seconds(endedMs)}, silent or not: the one beside it had heartbeats.`;
    return verdict('bad', value, sentence, advice.duration);
  }
  const enough = Math.max(100, Math.floor(cutMs / 200) * 100);
  const why = 'Milliseconds between two heartbeats: half of what is cut.';
  return verdict('bad', value, `${what} ${beats}, which is too seldom: a quiet subscription breaks again and again.`, [
    ofPokewire(`--heartbeat-ms ${enough}`, why),
    ...advice.idle,
  ]);
}
