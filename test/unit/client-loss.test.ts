import { describe, expect, test, vi } from 'vitest';
import { framesOf, useFakeClock } from './scripted-server.ts';
import { subscribe } from './scripted-subscription.ts';

const log = framesOf('aaaa-1111');

useFakeClock();

describe('a loss of the connection', () => {
  test('is followed by a reconnection after the last proof, after the time that the server sent', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1));
    await stream.cut();
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CUT' } });
    await vi.advanceTimersByTimeAsync(2_999);
    expect(server.requests.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('1-aaaa');
    expect(again.query.position).toBeUndefined();
    await again.open(log.hello(2, 1) + log.poke('account-1', 1, 2));
    expect(positions()).toEqual([1, 2]);
  });

  test('fetches a poke that was lost between two others before it', async () => {
    const { server, states, positions } = await subscribe();
    const pokes = [0, 1, 2, 3].map((position) => log.poke('account-1', position, position + 1));
    await (await server.nth(1).open(log.hello(3, 0) + pokes[0] + pokes[2])).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe('0-aaaa');
    await server.nth(2).open(log.hello(4, 0) + pokes.join('') + log.heartbeat(4, 4));
    expect(positions()).toEqual([1, 3, 2, 4]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 4 });
  });

  test('makes progress if each connection is cut after the same number of pokes', async () => {
    const { server, positions } = await subscribe();
    const pokes = [0, 1, 2, 3].map((position) => log.poke('account-1', position, position + 1));
    const asked: (string | null)[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      const { headers } = server.nth(attempt);
      const behind = Number.parseInt(headers.get('last-event-id') ?? '0', 10);
      asked.push(headers.get('last-event-id'));
      const stream = await server.nth(attempt).open(log.hello(4, behind) + pokes.slice(behind, behind + 2).join(''));
      await stream.cut();
      while (server.requests.length === attempt) await vi.advanceTimersByTimeAsync(250);
    }
    expect(positions()).toEqual([1, 2, 3, 4]);
    // Every second connection confirms what the previous one delivered.
    expect(asked).toEqual([null, '0-aaaa', '2-aaaa', '2-aaaa']);
  });

  test('by an unannounced end of the stream is reported as a cut', async () => {
    const { server, states } = await subscribe();
    await (await server.nth(1).open(log.hello(0, 0))).end();
    const why = { code: 'CUT', message: 'Cut off' };
    expect(states.at(-1)).toMatchObject({ name: 'away', why });
  });

  test('reports when the next attempt is made', async () => {
    vi.setSystemTime(1_000_000);
    const { server, states } = await subscribe();
    await server.nth(1).fail();
    expect(states.at(-1)).toMatchObject({ name: 'away', nextTryAt: new Date(1_000_250), why: { code: 'UNREACHABLE' } });
  });

  test('in the middle of a poke delivers it once, when it is repeated', async () => {
    const { server, positions } = await subscribe();
    const whole = log.hello(1, 0) + log.poke('account-1', 0, 1);
    const stream = await server.nth(1).open(whole.slice(0, -1));
    await stream.cut();
    expect(positions()).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_000);
    await server.nth(2).open(log.hello(1, 0) + log.poke('account-1', 0, 1));
    expect(positions()).toEqual([1]);
  });

  test.each(['hello', 'heartbeat'])('resumes at the id of a %s when no poke came', async (kind) => {
    const { server } = await subscribe();
    const stream = await server.nth(1).open(log.hello(9, 0));
    if (kind === 'heartbeat') await stream.send(log.heartbeat(0, 0, 9));
    else await stream.send('event: other\ndata: {}\n\n');
    await stream.cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe(kind === 'heartbeat' ? '9-aaaa' : '0-aaaa');
  });

  test('directly after the hello misses nothing', async () => {
    const { server } = await subscribe({ all: true });
    await (await server.nth(1).open(log.hello(5, 5))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe('5-aaaa');
  });

  test('backs off while the server is unavailable, and starts over once it was live', async () => {
    const { server } = await subscribe({ category: 'account' }, { retry: { minMs: 1_000, maxMs: 8_000 } });
    for (const waitMs of [500, 1_000, 2_000, 4_000, 4_000]) {
      const made = server.requests.length;
      await server.nth(made).fail();
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      expect(server.requests.length).toBe(made);
      await vi.advanceTimersByTimeAsync(1);
      expect(server.requests.length).toBe(made + 1);
    }
    const stream = await server.nth(6).open(log.hello(0, 0) + log.heartbeat(0));
    await stream.cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.requests.length).toBe(7);
  });

  test('never causes two concurrent attempts', async () => {
    const { server } = await subscribe();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(server.requests.length).toBe(1);
  });

  test.each([
    [503, { 'retry-after': '20' }, 20_000],
    [429, { 'retry-after': '7' }, 7_000],
    [502, {}, 250],
    [404, {}, 250],
    [403, {}, 250],
  ])('by a page with status %i waits as it says and comes back', async (status, headers, waitMs) => {
    const { server, states } = await subscribe();
    await server.nth(1).page(status, headers as Record<string, string>);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: `HTTP_${status}` } });
    await vi.advanceTimersByTimeAsync(waitMs - 1);
    expect(server.requests.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.requests.length).toBe(2);
  });

  test('by a refusal inside a stream waits for its retry, and keeps the cursor', async () => {
    const { server, states } = await subscribe();
    await (await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    await server.nth(2).open(`retry: 4217\n${log.end('overloaded')}`);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'OVERLOADED' } });
    await vi.advanceTimersByTimeAsync(4_216);
    expect(server.requests.length).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.nth(3).headers.get('last-event-id')).toBe('1-aaaa');
  });

  test('by a page instead of the stream is followed by a reconnection', async () => {
    const { server, states } = await subscribe();
    await server.nth(1).page(200);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'NOT_AN_EVENT_STREAM' } });
  });
});

describe('a malformed event', () => {
  test.each([
    ['JSON that does not parse', 'event: poke\ndata: {"stream":\n\n'],
    ['null', 'event: poke\ndata: null\n\n'],
    ['a line that does not end', 'x'.repeat(530_000)],
    ['an event that does not end', 'data: x\n'.repeat(80_000)],
    ['a poke without its stream', 'event: poke\nid: 2-aaaa\ndata: {"position":1,"globalPosition":2}\n\n'],
    ['a poke without its position', 'event: poke\nid: 2-aaaa\ndata: {"stream":"account-1","globalPosition":2}\n\n'],
    [
      'a poke whose global position is a text',
      'event: poke\nid: 2-aaaa\ndata: {"stream":"account-1","position":1,"globalPosition":"2"}\n\n',
    ],
    ['a heartbeat without its head', 'event: heartbeat\nid: 2-aaaa\ndata: {"epoch":"aaaa-1111","count":1}\n\n'],
    ['a heartbeat without its count', 'event: heartbeat\nid: 2-aaaa\ndata: {"epoch":"aaaa-1111","head":2}\n\n'],
    ['an end that is null', 'event: end\ndata: null\n\n'],
  ])('ends the connection as CUT, and the next one begins behind the last proof: %s', async (_what, malformed) => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1));
    await stream.send(malformed);
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { name: 'ClientError', code: 'CUT' } });
    await vi.advanceTimersByTimeAsync(3_000);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('1-aaaa');
    await again.open(log.hello(2, 1) + log.poke('account-1', 1, 2) + log.heartbeat(2, 1));
    expect(positions()).toEqual([1, 2]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2 });
  });

  test.each([
    ['without its epoch', { head: 57 }],
    ['without its head', { epoch: 'aaaa-1111' }],
    ['whose head is a text', { epoch: 'aaaa-1111', head: '57' }],
  ])('that is a hello %s does not say where the subscription begins', async (_what, hello) => {
    const { server, states, subscription } = await subscribe({ category: 'account', position: 'head' });
    await server.nth(1).open(`event: hello\nid: 57-aaaa\ndata: ${JSON.stringify(hello)}\n\n`);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CUT' } });
    expect(subscription.position).toBeUndefined();
    await vi.advanceTimersByTimeAsync(250);
    expect(server.nth(2).query.position).toBe('9007199254740991');
    await server.nth(2).open(log.hello(57));
    expect(server.nth(3).headers.get('last-event-id')).toBe('57');
  });

  test.each(['reason', 'epoch', 'lost', 'replayFrom'])(
    'that is a reset without its %s is not reported, and the next connection resumes behind the same cursor',
    async (member) => {
      const { server, states, resets } = await subscribe({ category: 'account', cursor: '9-dead' });
      const whole = { reason: 'other-epoch', epoch: 'aaaa-1111', head: 1, lost: { from: 10 }, replayFrom: 1 };
      const reset = JSON.stringify({ ...whole, [member]: undefined });
      await server.nth(1).open(`${log.hello(1)}event: reset\ndata: ${reset}\nid: 0-aaaa\n\n`);
      expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CUT' } });
      expect(resets).toEqual([]);
      await vi.advanceTimersByTimeAsync(3_000);
      expect(server.nth(2).headers.get('last-event-id')).toBe('9-dead');
    },
  );
});

describe('silence', () => {
  test('of a connection that received pokes counts as a lost connection', async () => {
    const { server, states } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    await vi.advanceTimersByTimeAsync(12_500);
    expect(stream.isAborted).toBe(true);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'SILENT' } });
  });

  test('after the head of the answer indicates that a proxy buffers', async () => {
    const { server, states } = await subscribe();
    await server.nth(1).open();
    await vi.advanceTimersByTimeAsync(12_500);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'BUFFERED' } });
  });

  test('before an answer ends the attempt', async () => {
    const { server, states } = await subscribe();
    await vi.advanceTimersByTimeAsync(12_500);
    expect(server.requests[0]!.isAborted).toBe(true);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'TIMED_OUT' } });
  });

  test('of a function that creates tickets ends the attempt, too', async () => {
    const { states } = await subscribe({ all: true }, { ticket: () => new Promise<string>(() => {}) });
    await vi.advanceTimersByTimeAsync(12_500);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'TIMED_OUT' } });
  });

  test('does not end a connection whose comments arrive in time', async () => {
    const { server } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(9_000);
      await stream.send(':\n');
    }
    expect(server.requests.length).toBe(1);
  });

  test('with heartbeats that repeatedly arrive in bunches indicates that a proxy buffers', async () => {
    const { server, states } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    await stream.send(log.heartbeat(0) + log.heartbeat(0));
    expect(states.at(-1)).toMatchObject({ name: 'live', isBuffered: false });
    await stream.send(log.heartbeat(0) + log.heartbeat(0));
    expect(states.at(-1)).toMatchObject({ name: 'live', isBuffered: true });
    await stream.send(log.heartbeat(0));
    expect(states.at(-1)).toMatchObject({ name: 'live', isBuffered: false });
  });
});
