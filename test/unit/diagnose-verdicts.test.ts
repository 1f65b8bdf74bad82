import { describe, expect, test } from 'vitest';

// Scripts of a page, which the compiler does not see.
const folder = new URL('../../src/http/pages/diagnose-page/', import.meta.url);
const { judgeCompression, judgeConnection, judgeDelivery, judgeGreeting, judgeProtocol, namedProxy } = await import(
  `${folder}verdicts.js`
);
const { measureSilence } = await import(`${folder}measure.js`);
const { judgeSilence } = await import(`${folder}silence-verdict.js`);

type Tick = { readonly sentMs: number; readonly atMs: number; readonly piece: number };

/**
 * Measurements of the page with a round trip of 5 ms: twelve events 250 ms apart, and one after a pause of a second.
 */
const sent = [...Array.from({ length: 12 }, (_, n) => n * 250), 3_750];
const roundTripMs = 5;

/** Each event arrives in a separate piece, this long after it was sent. */
const arriving = (delayMs: (n: number) => number): Tick[] =>
  sent.map((sentMs, n) => ({ sentMs, atMs: sentMs + delayMs(n), piece: n }));

const delivery = (ticks: readonly Tick[], over = {}) =>
  judgeDelivery({ ticks, isWhole: true, ...over }, roundTripMs, sent.length);

const saying = (state: string, text: string, more = {}) => ({
  state,
  sentence: expect.stringContaining(text),
  ...more,
});

describe('Events of the delivery test', () => {
  test('arrived separately, before the next one was sent.', () => {
    expect(delivery(arriving(() => 6))).toMatchObject(
      saying('good', 'Every event arrived by itself, before the next one was sent.', { value: 'within 6 ms' }),
    );
  });

  test('are not reported as arrived before the next one was sent if the round trip is longer.', () => {
    const { state, sentence } = delivery(arriving(() => 300));
    expect(state).toBe('good');
    expect(sentence).toContain('Every event arrived by itself.');
    expect(sentence).not.toContain('before');
  });

  test('that arrived together in one piece are counted, however early they arrived.', () => {
    const ticks = arriving((n) => (n === 3 ? 255 : 5)).map((tick) => (tick.piece === 4 ? { ...tick, piece: 3 } : tick));
    expect(delivery(ticks)).toMatchObject(saying('mind', '2 of 13 events came together'));
  });

  test('that arrived together in two pieces are counted too.', () => {
    expect(delivery(arriving((n) => (n === 3 ? 250 : 5)))).toMatchObject(
      saying('mind', '2 of 13 events came together'),
    );
  });

  test('that arrived all at once, long after they were sent, were collected.', () => {
    const ticks = sent.map((sentMs) => ({ sentMs, atMs: 3_760, piece: 0 }));
    expect(delivery(ticks)).toMatchObject(saying('bad', '13 events came in one burst', { value: 'held 3.8 s' }));
  });

  test('that each arrived with the next one were delayed by it.', () => {
    const ticks = arriving((n) => (sent[n + 1] ?? 3_755) - sent[n]! + 5);
    expect(delivery(ticks)).toMatchObject(saying('bad', 'only after the next one was sent', { value: 'up to 1.0 s' }));
  });

  test('of which one arrived late are not all reported as late.', () => {
    // The event sent after it is in time again.
    const ticks = arriving((n) => (n === 11 ? 900 : 5));
    expect(delivery(ticks)).toMatchObject(saying('bad', '1 of 13 events came more than 0.8 s late'));
  });

  test('that ended too early were cut.', () => {
    expect(delivery(arriving(() => 5).slice(0, 2), { isWhole: false })).toMatchObject(
      saying('bad', 'cut before its end', { value: '2 of 13' }),
    );
  });
});

describe('The greeting of a subscription', () => {
  const open = { arrivals: [20], ageMs: 4_000 };
  const good = { state: 'good' };

  test('is good if it arrives as soon as possible.', () => {
    expect(judgeGreeting(open, 30, 5, good)).toMatchObject(saying('good', 'not held back', { value: 'within 30 ms' }));
    expect(judgeGreeting(open, 1_700, 1_000, good)).toMatchObject({ state: 'good' });
  });

  test('that took seconds was buffered, and is not reported as immediate.', () => {
    const { settings, ...late } = judgeGreeting(open, 2_500, 5, good);
    expect(late).toMatchObject(saying('bad', 'took 2.5 s', { value: 'after 2.5 s' }));
    expect(settings).toContainEqual(expect.objectContaining({ setting: 'proxy_buffering off;' }));
  });

  test('that has not arrived is distinguished from a refused subscription, and from one that was cut.', () => {
    expect(judgeGreeting(open, undefined, 5, good)).toMatchObject(saying('bad', 'has arrived so far'));
    expect(judgeGreeting({ ...open, refused: 'Too many.', endedMs: 9 }, undefined, 5, good)).toMatchObject(
      saying('bad', 'No subscription could be opened: Too many.', { settings: [] }),
    );
    expect(judgeGreeting({ ...open, endedMs: 1_000 }, undefined, 5, good)).toMatchObject(
      saying('bad', 'ended after 1.0 s, before anything of it had arrived', { value: 'cut' }),
    );
  });
});

describe('A silent stream and the subscription beside it', () => {
  const cut = { outcome: 'cut', seconds: 75, afterSeconds: 60 };
  const survived = { outcome: 'survived', seconds: 75 };
  const beating = { arrivals: [20, 15_000, 30_000, 45_000, 60_000], ageMs: 60_520 };

  test('show that heartbeats help if only the silent one is cut.', () => {
    expect(judgeSilence(cut, beating, 15_000)).toMatchObject(
      saying('good', 'the subscription beside it stayed open', { value: 'cut after 60 s', settings: [] }),
    );
  });

  test('show that heartbeats are too rare if both are cut after the same silence.', () => {
    expect(judgeSilence(cut, { arrivals: [20], ageMs: 60_520, endedMs: 60_020 }, 90_000)).toMatchObject({
      state: 'bad',
      sentence: expect.stringContaining('not often enough'),
      settings: [{ who: 'Pokewire', setting: '--heartbeat-ms 30000' }, {}, {}, {}, {}],
    });
  });

  test('suggest no heartbeat more frequent than 0.1 s.', () => {
    const { settings } = judgeSilence({ ...cut, afterSeconds: 0.15 }, { arrivals: [20], ageMs: 600 }, 0);
    expect(settings).not.toContainEqual(expect.objectContaining({ who: 'Pokewire' }));
  });

  test('do not blame the heartbeat period if heartbeats are buffered.', () => {
    const held = { arrivals: [20], ageMs: 60_520, endedMs: 60_020 };
    const { settings, ...verdict } = judgeSilence(cut, held, 4_000);
    expect(verdict).toMatchObject(
      saying('bad', 'received nothing for 60 s, and was cut after 60 s: something holds them'),
    );
    expect(settings).not.toContainEqual(expect.objectContaining({ who: 'Pokewire' }));
  });

  test('do not report a subscription as open if it has received nothing for long, even if it was not cut.', () => {
    expect(judgeSilence({ outcome: 'lost', seconds: 75 }, { arrivals: [20], ageMs: 85_500 }, 15_000)).toMatchObject(
      saying('bad', 'received nothing for 85 s'),
    );
    expect(judgeSilence(survived, { arrivals: [20], ageMs: 75_500 }, 4_000)).toMatchObject({ state: 'bad' });
  });

  test('show a cause other than silence if the subscription was cut despite heartbeats.', () => {
    const both = { arrivals: [20, 15_000, 29_000], ageMs: 30_600, endedMs: 30_000 };
    expect(judgeSilence({ ...cut, afterSeconds: 30 }, both, 15_000)).toMatchObject(
      saying('bad', 'was cut after 30 s, 1.0 s after it had last received something'),
    );
  });

  test('are not good if the silent one stayed open and the subscription was cut.', () => {
    const ended = { arrivals: [20, 15_000, 29_000], ageMs: 75_500, endedMs: 30_000 };
    expect(judgeSilence(survived, ended, 15_000)).toMatchObject(saying('bad', 'was cut after 30 s'));
  });

  test('say nothing about heartbeats if the subscription was refused.', () => {
    const refused = { arrivals: [], ageMs: 75_500, endedMs: 5, refused: 'Too many.' };
    expect(judgeSilence(survived, refused, 15_000)).toMatchObject(saying('mind', 'could not be seen'));
    expect(judgeSilence(cut, refused, 15_000)).toMatchObject(saying('bad', 'could not be seen'));
  });

  test('are cut for the same reason if a proxy buffered the first bytes of both.', () => {
    // Cut 6 s after the server sent something, which a proxy forwarded after 2.5 s: 3.5 s after its arrival.
    const both = { arrivals: [2_500], ageMs: 6_600, endedMs: 6_100 };
    expect(judgeSilence({ ...cut, afterSeconds: 6 }, both, 15_000)).toMatchObject(
      saying('bad', 'not often enough', { value: 'cut after 6.0 s' }),
    );
  });

  test('show that nothing keeps a stream open that is dropped without a notice when there are no heartbeats.', () => {
    expect(judgeSilence({ outcome: 'lost', seconds: 330 }, { arrivals: [20], ageMs: 340_500 }, 0)).toMatchObject(
      saying('bad', 'sends no heartbeats, so', { value: 'lost' }),
    );
  });

  test('leave the effect of longer silences open if heartbeats are rarer than the tested silence.', () => {
    const short = { outcome: 'survived', seconds: 10 };
    expect(judgeSilence(short, { arrivals: [20], ageMs: 10_500 }, 15_000)).toMatchObject(
      saying('mind', 'Longer silences'),
    );
    expect(judgeSilence(survived, { arrivals: [20, 74_000], ageMs: 75_500 }, 15_000)).toMatchObject({ state: 'good' });
  });
});

describe('The silence before a cut', () => {
  /** Result for a stream that was cut, by arrival times. */
  const cutStream = (stream: { blocks: readonly object[]; lastByteMs: number; endMs: number }) =>
    measureSilence(async () => stream, { seconds: 75, roundTripMs: 10, signal: new AbortController().signal });

  test('begins when the last byte was sent, even if a proxy forwarded it later.', async () => {
    const blocks = [{ data: { sentMs: 0.5 }, atMs: 2_500, piece: 0 }];
    const { outcome, afterSeconds } = await cutStream({ blocks, lastByteMs: 2_500, endMs: 6_005 });
    expect(outcome).toBe('cut');
    expect(afterSeconds).toBeCloseTo(6, 2);
  });

  test('begins with the stream if only its head has arrived.', async () => {
    expect((await cutStream({ blocks: [], lastByteMs: 3_000, endMs: 4_005 })).afterSeconds).toBeCloseTo(4, 2);
  });

  test('begins when a proxy added data.', async () => {
    const blocks = [
      { data: { sentMs: 0 }, atMs: 6, piece: 0 },
      { comment: ':', atMs: 1_500, piece: 1 },
    ];
    expect((await cutStream({ blocks, lastByteMs: 1_500, endMs: 2_000 })).afterSeconds).toBeCloseTo(0.5, 2);
  });

  test('is not longer than the measured time, however long the round trip.', async () => {
    const blocks = [{ data: { sentMs: 3 }, atMs: 4, piece: 0 }];
    expect((await cutStream({ blocks, lastByteMs: 4, endMs: 1_004 })).afterSeconds).toBeCloseTo(1, 2);
  });
});

describe('Compression', () => {
  const delivered = { headers: { 'content-encoding': 'gzip' } };

  test('is reported to forward each event only if each arrived separately.', () => {
    expect(judgeCompression(delivered, { state: 'good' })).toMatchObject(saying('good', 'still passes each event on'));
    expect(judgeCompression(delivered, { state: 'mind' })).toMatchObject(saying('mind', 'may wait'));
    expect(judgeCompression(delivered, { state: 'bad' })).toMatchObject(saying('bad', 'may wait'));
  });
});

describe('A proxy on the way', () => {
  const seen = { httpVersion: '1.1', host: 'x', scheme: 'http', address: '192.0.2.1', proxyHeaders: [] };
  const connection = { seen, headers: {}, protocol: 'http/1.1', page: 'x', scheme: 'http:' };

  test('is not reported as nothing if no proxy reveals itself.', () => {
    expect(judgeConnection({ ...connection, headers: { via: null } })).toMatchObject(
      saying('good', 'No proxy identifies itself', { value: 'no proxy seen' }),
    );
  });

  test.each([{ scheme: 'https:' }, { protocol: 'h2' }])(
    'counts as a proxy if Pokewire cannot have sent the answer: %j.',
    (over) => {
      const verdict = judgeConnection({ ...connection, headers: { via: null }, ...over });
      expect(verdict.value).toBe('an unnamed proxy');
    },
  );

  test.each(['Caddy, EventoDB/0.1.0', 'EventoDB/0.1.0, Caddy', 'Caddy'])(
    'is called by its own name if it adds that to the name of Pokewire: %s.',
    (server) => {
      expect(namedProxy({ ...connection, headers: { server, via: null } })).toBe('Caddy');
    },
  );

  test.each([
    ['1.1 corp-proxy', 'corp-proxy'],
    ['2 outer.example (Apache/1.1), HTTP/1.1 inner:8080 (Squid)', 'inner:8080'],
    ['odd', 'odd'],
  ])('is called by the name that it gives itself in Via: %s.', (via, name) => {
    expect(namedProxy({ ...connection, headers: { via } })).toBe(name);
    expect(judgeConnection({ ...connection, headers: { via } }).sentence).toContain(`The last proxy is ${name}.`);
  });

  test.each(['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'pokes.localhost'])(
    'needs no change for HTTP/2 at %s during development without a proxy.',
    (page) => {
      const local = { ...connection, headers: { via: null }, page };
      expect(judgeProtocol(local)).toMatchObject(saying('info', 'at most six', { value: 'HTTP/1.1', settings: [] }));
    },
  );

  test('could be better if HTTP/1.1 is used elsewhere, or by a proxy.', () => {
    const far = { ...connection, headers: { via: null }, page: 'localhost.example' };
    expect(judgeProtocol(far).state).toBe('mind');
    expect(judgeProtocol({ ...connection, headers: { via: '1.1 p' }, page: 'localhost' }).state).toBe('mind');
  });
});
