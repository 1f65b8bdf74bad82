import { advice, ofPokewire } from './advice.js';
import { seconds, verdict } from './verdicts.js';

/** Tolerated delay of a heartbeat, for a network that is briefly slow. */
const graceMs = 2_000;

/** Shortest heartbeat to suggest: a proxy that cuts sooner does not react to silence. */
const leastHeartbeatMs = 100;

/**
 * How silence affects a stream, and whether heartbeats keep it open. `subscription`: the concurrent one, `{ageMs,
 * arrivals, endedMs, refused}` in milliseconds since its request.
 */
export function judgeSilence(silence, subscription, heartbeatMs) {
  const { outcome, seconds: waited, afterSeconds } = silence;
  const cutMs = outcome === 'cut' ? afterSeconds * 1000 : waited * 1000;
  const value = { cut: `cut after ${seconds(cutMs)}`, lost: 'lost', survived: `${waited} s and open` }[outcome];
  const what = {
    cut: `A stream was cut after ${seconds(cutMs)} of silence.`,
    lost: `The end of a stream that was silent for ${waited} seconds did not arrive: something dropped the connection without closing it.`,
    survived: `Nothing cut a stream that was silent for ${waited} seconds.`,
  }[outcome];
  const beats =
    heartbeatMs === 0 ? 'Pokewire sends no heartbeats' : `Pokewire sends heartbeats every ${seconds(heartbeatMs)}`;
  const { ageMs, arrivals, endedMs, refused } = subscription;
  if (refused !== undefined) {
    const sentence = `${what} ${beats}. Whether they keep a subscription open could not be seen, because none was open.`;
    return verdict(outcome === 'survived' ? 'mind' : 'bad', value, sentence, outcome === 'survived' ? [] : advice.idle);
  }
  const quietMs = (endedMs ?? ageMs) - (arrivals.at(-1) ?? 0);
  const areBeatsMissing = heartbeatMs > 0 && quietMs > heartbeatMs + graceMs;
  if (areBeatsMissing) {
    const end = endedMs === undefined ? '' : `, and was cut after ${seconds(endedMs)}`;
    const sentence = `${what} ${beats}, but the subscription beside it received nothing for ${seconds(quietMs)}${end}: something holds them back.`;
    return verdict('bad', value, sentence, advice.buffering);
  }
  // As in measureSilence, the greeting counts as sent when it was requested, however late it arrived.
  const silentMs = (endedMs ?? ageMs) - (arrivals.length > 1 ? arrivals.at(-1) : 0);
  if (endedMs !== undefined && (outcome === 'survived' || silentMs < cutMs * 0.8)) {
    const sentence = `${what} The subscription beside it was cut after ${seconds(endedMs)}, ${seconds(quietMs)} after it had last received something.`;
    return verdict('bad', value, sentence, advice.duration);
  }
  if (outcome === 'survived') {
    if (heartbeatMs > 0 && heartbeatMs < cutMs) return verdict('good', value, `${what} ${beats}.`);
    return verdict('mind', value, `${what} ${beats}. Longer silences were not tried.`);
  }
  if (endedMs === undefined && heartbeatMs > 0 && heartbeatMs < cutMs) {
    return verdict('good', value, `${what} ${beats}, and the subscription beside it stayed open.`);
  }
  const consequence = heartbeatMs === 0 ? 'so' : 'which is not often enough:';
  return verdict('bad', value, `${what} ${beats}, ${consequence} a quiet subscription is cut again and again.`, [
    ...oftenEnough(cutMs),
    ...advice.idle,
  ]);
}

/** A heartbeat period after which nothing is cut within this time. */
function oftenEnough(cutMs) {
  const enough = Math.floor(cutMs / 200) * 100;
  if (enough < leastHeartbeatMs) return [];
  return [
    ofPokewire(
      `--heartbeat-ms ${enough}`,
      'Milliseconds between heartbeats: half the time after which a stream is cut.',
    ),
  ];
}
