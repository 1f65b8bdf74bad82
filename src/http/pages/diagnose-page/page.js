import { byId } from '../common/element.js';
import { CheckList } from './check-list.js';
import { measureConnection, read } from './connection.js';
import { measureDelivery, measureSilence, rhythm, Subscription } from './measure.js';
import { Progress, runSeconds } from './progress.js';
import { setUpReport, showReport } from './report.js';
import { judgeSilence } from './silence-verdict.js';
import { Timeline } from './timeline.js';
import * as judge from './verdicts.js';

const checkTexts = {
  connection: {
    title: 'What the server sees',
    purpose: 'Which host, address and scheme reach the server, and whether a proxy names itself.',
  },
  protocol: { title: 'HTTP version', purpose: 'How many streams this browser can open at once.' },
  delivery: {
    title: 'Events one by one',
    purpose: 'Whether each of 13 events arrives when it is sent, or a proxy holds some back.',
  },
  compression: {
    title: 'Compression',
    purpose: 'Whether something compresses the stream, which can delay events.',
  },
  greeting: {
    title: 'A real subscription',
    purpose: 'Whether /subscribe, which may have settings of its own, is answered at once.',
  },
  silence: {
    title: 'Silence',
    purpose: 'After how long something cuts a silent stream, and whether heartbeats keep a subscription open.',
  },
};

let running;

setUpReport();
new CheckList(checkTexts);
byId('silence').addEventListener('change', showEstimate);
showEstimate();

byId('run-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (running !== undefined) return running.abort();
  const run = new AbortController();
  running = run;
  setRunning(true);
  const seconds = Number(byId('silence').value);
  const checks = new CheckList(checkTexts);
  const progress = new Progress(seconds);
  const measured = { at: new Date().toISOString(), browser: navigator.userAgent };
  try {
    await diagnose(checks, measured, seconds, run.signal);
    conclude(checks);
  } catch (error) {
    checks.stop();
    if (run.signal.aborted) say('idle', 'Stopped.', checks.summary);
    else say('bad', `The rest could not be measured. ${error.message}`, checks.summary);
  } finally {
    progress.end();
    run.abort();
    running = undefined;
    setRunning(false);
    showReport(checkTexts, { ...measured, verdicts: checks.verdicts });
  }
});

async function diagnose(checks, measured, seconds, signal) {
  say('running', 'Measuring …', '');
  checks.run('connection', 'Asking the server how it sees this request.');
  const connection = await measureConnection(signal);
  measured.connection = connection;
  const { roundTripMs } = connection;
  const proxy = judge.namedProxy(connection);
  checks.end('connection', judge.judgeConnection(connection), proxy);
  checks.end('protocol', judge.judgeProtocol(connection), proxy);

  const delivery = await showDelivery(checks, signal);
  measured.delivery = delivery;
  const delivered = judge.judgeDelivery(delivery, roundTripMs, rhythm.events + 1);
  checks.end('delivery', delivered, proxy);
  checks.end('compression', judge.judgeCompression(delivery, delivered), proxy);

  checks.run('greeting', 'Subscribing to a stream that nobody writes to.');
  const subscription = new Subscription(read, signal);
  const greetedMs = await subscription.greeted();
  signal.throwIfAborted();
  measured.greetedMs = greetedMs;
  checks.end('greeting', judge.judgeGreeting(subscription.measured, greetedMs, roundTripMs, delivered), proxy);

  const silence = await showSilence(checks, seconds, subscription, signal, roundTripMs);
  Object.assign(measured, { silence, subscription: subscription.measured });
  checks.end('silence', judgeSilence(silence, subscription.measured, connection.seen.heartbeatMs), proxy);
}

async function showDelivery(checks, signal) {
  const { events, everyMs, silentMs } = rhythm;
  const lengthMs = (events - 1) * everyMs + silentMs;
  const line = new Timeline(['sent', 'arrived'], lengthMs * 1.04, 'When events were sent and when they arrived');
  // Where the server should send them; each moves to where it did.
  const sent = Array.from({ length: events }, (_, index) => line.mark(0, index * everyMs));
  sent.push(line.mark(0, lengthMs));
  const sentence = 'The server sends 12 events, one every quarter of a second, and a last one after a pause.';
  checks.run('delivery', sentence, line.element);
  return measureDelivery(read, signal, ({ data, atMs }) => {
    if (data === undefined) return;
    line.move(sent[data.number - 1], data.sentMs);
    line.join(data.sentMs, atMs);
    line.mark(1, atMs);
  });
}

async function showSilence(checks, seconds, subscription, signal, roundTripMs) {
  const line = new Timeline(['silent', 'subscription'], (seconds + 1) * 1000, 'Both streams over time');
  const sentence = `A stream stays silent for ${seconds} seconds, beside the subscription.`;
  checks.run('silence', sentence, line.element);
  const startMs = performance.now();
  // The time axis of both lines starts with the silence, although the subscription is older.
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
    const silence = await measureSilence(read, { seconds, roundTripMs, signal });
    // Both connections may not be cut in the same instant.
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

function conclude({ verdicts, summary }) {
  const states = new Set(Object.values(verdicts).map(({ state }) => state));
  if (states.has('bad')) say('bad', 'Streams do not work properly from here.', summary);
  else if (states.has('mind')) say('mind', 'Streams work from here, but something could be better.', summary);
  else say('good', 'Streams work from here: nothing is in the way.', summary);
}

function say(state, sentence, summary) {
  byId('result').dataset.state = state;
  byId('verdict').textContent = sentence;
  byId('summary').textContent = summary;
}

function setRunning(isRunning) {
  byId('start').textContent = isRunning ? 'Stop' : 'Start';
  byId('start').classList.toggle('primary', !isRunning);
  byId('silence').disabled = isRunning;
  if (isRunning) byId('report').hidden = true;
}

function showEstimate() {
  byId('estimate').textContent = `Takes about ${runSeconds(Number(byId('silence').value))} s.`;
}
