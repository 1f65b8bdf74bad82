import { byId } from '../common/element.js';
import { CheckList } from './check-list.js';
import { measureConnection, read } from './connection.js';
import { measureDelivery, measureSilence, rhythm, Subscription } from './measure.js';
import { judgeSilence } from './silence-verdict.js';
import { Timeline } from './timeline.js';
import * as judge from './verdicts.js';

const titles = {
  connection: 'What the server sees',
  protocol: 'HTTP version',
  delivery: 'Events one by one',
  compression: 'Compression',
  greeting: 'A real subscription',
  silence: 'Silence',
};

let running;

byId('run-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  running?.abort();
  const run = new AbortController();
  running = run;
  setRunning(true);
  const checks = new CheckList(titles);
  const measured = { at: new Date().toISOString(), browser: navigator.userAgent };
  try {
    await diagnose(checks, measured, Number(byId('silence').value), run.signal);
    conclude(checks.verdicts);
  } catch (error) {
    if (running !== run) return;
    checks.stop();
    say(
      run.signal.aborted ? 'idle' : 'bad',
      run.signal.aborted ? 'Stopped.' : `Could not be measured. ${error.message}`,
    );
  } finally {
    run.abort();
    if (running === run) {
      setRunning(false);
      showReport({ ...measured, verdicts: checks.verdicts });
    }
  }
});

byId('stop').addEventListener('click', () => running?.abort());

async function diagnose(checks, measured, seconds, signal) {
  say('running', 'Measuring …');
  checks.run('connection', 'Asking the server what arrives there.');
  const connection = await measureConnection(signal);
  measured.connection = connection;
  const proxy = judge.namedProxy(connection);
  checks.end('connection', judge.judgeConnection(connection), proxy);
  checks.end('protocol', judge.judgeProtocol(connection), proxy);

  const delivery = await showDelivery(checks, signal);
  measured.delivery = delivery;
  const delivered = judge.judgeDelivery(delivery, connection.roundTripMs, rhythm.events + 1);
  checks.end('delivery', delivered, proxy);
  checks.end('compression', judge.judgeCompression(delivery, delivered), proxy);

  checks.run('greeting', 'Subscribing to a stream that nobody writes.');
  const subscription = new Subscription(read, signal);
  const greetedMs = await subscription.greeted();
  signal.throwIfAborted();
  measured.greetedMs = greetedMs;
  checks.end(
    'greeting',
    judge.judgeGreeting(subscription.measured, greetedMs, connection.roundTripMs, delivered),
    proxy,
  );

  const silence = await showSilence(checks, seconds, subscription, signal);
  Object.assign(measured, { silence, subscription: subscription.measured });
  checks.end('silence', judgeSilence(silence, subscription.measured, connection.seen.heartbeatMs), proxy);
}

async function showDelivery(checks, signal) {
  const { events, everyMs, silentMs } = rhythm;
  const lengthMs = (events - 1) * everyMs + silentMs;
  const line = new Timeline(['sent', 'arrived'], lengthMs * 1.04, 'When events were sent and when they arrived');
  for (let number = 0; number < events; number++) line.mark(0, number * everyMs);
  line.mark(0, lengthMs);
  checks.run(
    'delivery',
    'The server sends 12 events, one every quarter of a second, and a last one after a pause.',
    line.element,
  );
  return measureDelivery(read, signal, ({ data, atMs }) => {
    if (data === undefined) return;
    line.join(data.sentMs, atMs);
    line.mark(1, atMs);
  });
}

async function showSilence(checks, seconds, subscription, signal) {
  const line = new Timeline(['silent', 'subscription'], (seconds + 1) * 1000, 'Both streams over time');
  const sentence = `A stream says nothing for ${seconds} seconds, beside the subscription.`;
  checks.run('silence', sentence, line.element);
  const startMs = performance.now();
  // Both lines begin with the silence, although the subscription is older.
  const ageAtStartMs = subscription.ageMs;
  const sinceStart = (ageMs) => Math.max(0, ageMs - ageAtStartMs);
  let shown = 0;
  const draw = (silentMs) => {
    line.fill(0, silentMs);
    line.fill(1, sinceStart(subscription.endedMs ?? subscription.ageMs));
    for (const atMs of subscription.arrivals.slice(shown)) line.mark(1, sinceStart(atMs));
    shown = subscription.arrivals.length;
  };
  const drawing = setInterval(() => draw(performance.now() - startMs), 100);
  try {
    const silence = await measureSilence(read, seconds, signal);
    // What cuts both at once need not do so in the same instant.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const silentMs = (silence.ageSeconds ?? seconds) * 1000;
    draw(silentMs);
    if (silence.outcome === 'cut') line.mark(0, silentMs, 'cut');
    if (subscription.endedMs !== undefined) line.mark(1, sinceStart(subscription.endedMs), 'cut');
    return silence;
  } finally {
    clearInterval(drawing);
  }
}

function conclude(verdicts) {
  const all = Object.values(verdicts);
  const bad = all.filter(({ state }) => state === 'bad').length;
  const mind = all.filter(({ state }) => state === 'mind').length;
  if (bad > 0) {
    const failed = bad === 1 ? 'One check' : `${bad} checks`;
    say('bad', `${failed} failed: streams do not work here as they should. See below.`);
  } else if (mind > 0) say('mind', 'Streams work from here. Something could be better or is not known, see below.');
  else say('good', 'Nothing is in the way: streams work from here.');
}

function say(state, text) {
  byId('verdict').dataset.state = state;
  byId('verdict').textContent = text;
}

function setRunning(isRunning) {
  byId('start').disabled = isRunning;
  byId('stop').disabled = !isRunning;
  byId('report').hidden = isRunning;
}

function showReport(measured) {
  byId('report').hidden = false;
  byId('report-text').textContent = JSON.stringify(measured, undefined, 2);
}
