import { describe, expect, test, vi } from 'vitest';
import { connect, type Handlers, type Poke, type Reset, type State } from '../../src/client/client.ts';
import { framesOf, ScriptedServer, settle, useFakeClock } from './scripted-server.ts';

const log = framesOf('aaaa-1111');
const otherLog = framesOf('bbbb-2222');

useFakeClock();

type Options = Parameters<typeof connect>[1];
type Asked = Parameters<ReturnType<typeof connect>['subscribe']>[0];

/** A subscription to a scripted server, and what its user hears. */
async function subscribe(asked: Asked = { category: 'account' }, options: Options = {}, handlers: Handlers = {}) {
  const server = new ScriptedServer();
  const pokes: Poke[] = [];
  const states: State[] = [];
  const resets: Reset[] = [];
  const subscription = connect('http://server.test/', { fetch: server.fetch, ...options }).subscribe(asked, {
    onPoke: (poke) => pokes.push(poke),
    onState: (state) => states.push(state),
    onReset: (reset) => resets.push(reset),
    ...handlers,
  });
  await settle();
  const positions = () => pokes.map(({ globalPosition }) => globalPosition);
  return { server, subscription, pokes, states, resets, positions };
}

const names = (states: readonly State[]) => states.map(({ name }) => name);

describe('a connection', () => {
  test('asks for named events, head heartbeats and its own period', async () => {
    const { server } = await subscribe({ category: ['account', 'order'], consumer: 1, size: 4, position: 7 });
    const { url, query, headers } = server.nth(1);
    expect(url.pathname).toBe('/subscribe');
    expect(url.searchParams.getAll('category')).toEqual(['account', 'order']);
    expect(query).toMatchObject({ consumer: '1', size: '4', position: '7', hello: 'true', heartbeat: 'head' });
    expect(query.heartbeatMs).toBe('4000');
    expect(headers.get('accept')).toBe('text/event-stream');
    expect(headers.has('last-event-id')).toBe(false);
  });

  test('is catching up after the hello, and live with the first proof', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(2, 0));
    await stream.send(log.poke('account-1', 0, 1) + log.poke('account-1', 1, 2));
    expect(names(states)).toEqual(['connecting', 'catching-up']);
    await stream.send(log.heartbeat(2, 2));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2, isBuffered: false });
    expect(positions()).toEqual([1, 2]);
  });

  test('tells a state once while nothing changes', async () => {
    const { server, states } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    await stream.send(log.heartbeat(0));
    await stream.send(log.heartbeat(0));
    expect(names(states)).toEqual(['connecting', 'catching-up', 'live']);
  });

  test('sends the token as a header', async () => {
    const { server } = await subscribe({ all: true }, { token: 'ns_x' });
    expect(server.nth(1).headers.get('authorization')).toBe('Bearer ns_x');
  });

  test('sends a ticket in the query, made for its selectors, and no token beside it', async () => {
    const ticket = vi.fn(() => ({ ticket: 'R2m' }));
    const { server } = await subscribe({ stream: 'account-7' }, { ticket, token: 'ns_x' });
    expect(ticket).toHaveBeenCalledWith({ stream: ['account-7'] });
    expect(server.nth(1).query.ticket).toBe('R2m');
    expect(server.nth(1).headers.has('authorization')).toBe(false);
  });

  test('calls nobody before subscribe has returned', () => {
    const onState = vi.fn();
    const { fetch } = new ScriptedServer();
    connect('http://server.test', { fetch }).subscribe({ all: true }, { onState });
    expect(onState).not.toHaveBeenCalled();
  });

  test('goes on when a callback throws', async () => {
    const thrown = new Error('of the user');
    const onPoke = vi.fn(() => {
      throw thrown;
    });
    const queued = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => expect(task).toThrow(thrown));
    const { server, states } = await subscribe({ all: true }, {}, { onPoke });
    const stream = await server.nth(1).open(log.hello(0, 0));
    await stream.send(log.poke('a', 0, 1) + log.poke('a', 1, 2) + log.heartbeat(2, 2));
    expect(onPoke).toHaveBeenCalledTimes(2);
    expect(queued).toHaveBeenCalledTimes(2);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2 });
  });
});

describe('a loss of the connection', () => {
  test('is made good behind the last proof, after the time that the server told', async () => {
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

  test('fetches a poke that went missing between two others before it', async () => {
    const { server, states, positions } = await subscribe();
    const pokes = [0, 1, 2, 3].map((position) => log.poke('account-1', position, position + 1));
    await (await server.nth(1).open(log.hello(3, 0) + pokes[0] + pokes[2])).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe('0-aaaa');
    await server.nth(2).open(log.hello(4, 0) + pokes.join('') + log.heartbeat(4, 4));
    expect(positions()).toEqual([1, 3, 2, 4]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 4 });
  });

  test('gets on where each connection is cut after the same number of pokes', async () => {
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
    // Every second connection confirms what the one before it delivered.
    expect(asked).toEqual([null, '0-aaaa', '2-aaaa', '2-aaaa']);
  });

  test('by an end of the stream that nobody announced is told as a cut', async () => {
    const { server, states } = await subscribe();
    await (await server.nth(1).open(log.hello(0, 0))).end();
    const why = { code: 'CUT', message: 'Cut off' };
    expect(states.at(-1)).toMatchObject({ name: 'away', why });
  });

  test('tells when the next attempt is made', async () => {
    vi.setSystemTime(1_000_000);
    const { server, states } = await subscribe();
    await server.nth(1).fail();
    expect(states.at(-1)).toMatchObject({ name: 'away', nextTryAt: new Date(1_000_250), why: { code: 'UNREACHABLE' } });
  });

  test('that cuts a poke in two delivers it once, when it comes again', async () => {
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

  test('of everything, right behind the hello, misses nothing', async () => {
    const { server } = await subscribe({ all: true });
    await (await server.nth(1).open(log.hello(5, 5))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('last-event-id')).toBe('5-aaaa');
  });

  test('backs off while the server stays away, and begins anew once it was live', async () => {
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

  test('never has two attempts under way', async () => {
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

  test('by a page in place of the stream comes back', async () => {
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
    'that is a reset without its %s is not told, and the next connection resumes behind the same cursor',
    async (member) => {
      const { server, states, resets } = await subscribe({ category: 'account', cursor: '9-dead' });
      const whole = { reason: 'other-epoch', epoch: 'aaaa-1111', head: 1, lost: { from: 10 }, replayFrom: 1 };
      const reset = JSON.stringify({ ...whole, [member]: undefined });
      await server.nth(1).open(`${log.hello(1, 0)}event: reset\ndata: ${reset}\n\n`);
      expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CUT' } });
      expect(resets).toEqual([]);
      await vi.advanceTimersByTimeAsync(3_000);
      expect(server.nth(2).headers.get('last-event-id')).toBe('9-dead');
    },
  );
});

describe('silence', () => {
  test('of a connection that was told something is a lost connection', async () => {
    const { server, states } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    await vi.advanceTimersByTimeAsync(12_500);
    expect(stream.isAborted).toBe(true);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'SILENT' } });
  });

  test('behind the head of the answer says that a proxy buffers', async () => {
    const { server, states } = await subscribe();
    await server.nth(1).open();
    await vi.advanceTimersByTimeAsync(12_500);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'BUFFERED' } });
  });

  test('before an answer is given up', async () => {
    const { server, states } = await subscribe();
    await vi.advanceTimersByTimeAsync(12_500);
    expect(server.requests[0]!.isAborted).toBe(true);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'TIMED_OUT' } });
  });

  test('of a function that makes tickets is given up, too', async () => {
    const { states } = await subscribe({ all: true }, { ticket: () => new Promise<string>(() => {}) });
    await vi.advanceTimersByTimeAsync(12_500);
    expect(states.find(({ name }) => name === 'away')).toMatchObject({ why: { code: 'TIMED_OUT' } });
  });

  test('does not end a connection whose comments come in time', async () => {
    const { server } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(9_000);
      await stream.send(':\n');
    }
    expect(server.requests.length).toBe(1);
  });

  test('heartbeats that arrive in bunches again and again say that a proxy buffers', async () => {
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

describe('completeness', () => {
  test('is never claimed for a poke that was lost, which is fetched by itself', async () => {
    const { server, states, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1));
    await stream.send(log.heartbeat(2, 2));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
    await vi.advanceTimersByTimeAsync(250);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('0-aaaa');
    await again.open(log.hello(2, 0) + log.poke('account-1', 0, 1) + log.poke('account-1', 1, 2) + log.heartbeat(2, 2));
    expect(positions()).toEqual([1, 2]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 2 });
  });

  test('is never claimed beyond a lost poke that others followed, which is fetched behind the last proof', async () => {
    const { server, states, positions, subscription } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1));
    await stream.send(log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
    expect(subscription.position).toBe(1);
    await vi.advanceTimersByTimeAsync(250);
    const again = server.nth(2);
    expect(again.headers.get('last-event-id')).toBe('1-aaaa');
    await again.open(log.hello(3, 1) + log.poke('account-2', 0, 2) + log.poke('account-3', 0, 3) + log.heartbeat(3, 2));
    expect(positions()).toEqual([1, 3, 2]);
    const claims = states.flatMap((state) => (state.name === 'live' ? [state.completeUpTo] : []));
    expect(claims).toEqual([1, 3]);
  });

  test('is reached after a cut in the middle of what is fetched again', async () => {
    const { server, states, positions } = await subscribe();
    await server.nth(1).open(log.hello(3, 0) + log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    await vi.advanceTimersByTimeAsync(250);
    await (await server.nth(2).open(log.hello(3, 0) + log.poke('account-1', 0, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    const last = server.nth(3);
    expect(last.headers.get('last-event-id')).toBe('0-aaaa');
    const first = log.poke('account-1', 0, 1) + log.poke('account-2', 0, 2);
    await last.open(log.hello(3, 0) + first + log.poke('account-3', 0, 3) + log.heartbeat(3, 3));
    expect(positions()).toEqual([3, 1, 2]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 3 });
  });

  test('is not claimed when one poke is lost and another one comes twice', async () => {
    const { server, states } = await subscribe();
    const once = log.poke('account-1', 0, 1);
    await server.nth(1).open(log.hello(2, 0) + once + once + log.heartbeat(1, 2));
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'POKE_LOST' } });
  });

  test('does not depend on positions of streams, which an import leaves gaps in', async () => {
    const { server, states, positions } = await subscribe();
    const pokes = log.poke('account-1', 0, 1) + log.poke('account-1', 7, 9);
    await server.nth(1).open(log.hello(9, 0) + pokes + log.heartbeat(9, 2));
    expect(positions()).toEqual([1, 9]);
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 9 });
  });

  test('drops a poke that was delivered before', async () => {
    const { server, positions } = await subscribe();
    const stream = await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1));
    await stream.send(log.poke('account-1', 0, 1));
    expect(positions()).toEqual([1]);
  });

  test('counts from where the subscription began', async () => {
    const { server, states } = await subscribe({ category: 'account', position: 100 });
    await server.nth(1).open(log.hello(120, 99) + log.heartbeat(57, 0, 120));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 57 });
  });
});

describe('the head', () => {
  test('of a category is asked for first, and begun behind', async () => {
    const { server, states } = await subscribe({ category: 'account', position: 'head' });
    const first = server.nth(1);
    expect(first.query.position).toBe('9007199254740991');
    await first.open(log.hello(57));
    expect(first.isAborted).toBe(true);
    const { headers, query } = server.nth(2);
    expect(headers.get('last-event-id')).toBe('57');
    expect(query.epoch).toBe('aaaa-1111');
    await server.nth(2).open(log.hello(58, 57) + log.poke('account-1', 0, 58) + log.heartbeat(58, 1));
    expect(states.at(-1)).toMatchObject({ name: 'live', completeUpTo: 58 });
    expect(names(states)).not.toContain('away');
  });

  test('of everything takes one request', async () => {
    const { server } = await subscribe({ all: true, position: 'head' });
    expect(server.nth(1).query.position).toBeUndefined();
    await server.nth(1).open(log.hello(57, 57) + log.heartbeat(57));
    expect(server.requests.length).toBe(1);
  });
});

describe('a reset', () => {
  test('is told, and everything behind it', async () => {
    const { server, resets, positions } = await subscribe();
    await (await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    const lost = { epoch: null, from: 2, to: null };
    await server
      .nth(2)
      .open(otherLog.hello(1, 0) + otherLog.reset('other-epoch', lost) + otherLog.poke('account-2', 0, 1));
    expect(resets).toEqual([{ reason: 'other-epoch', epoch: 'bbbb-2222', head: 0, lost, replayFrom: 1 }]);
    expect(positions()).toEqual([1, 1]);
  });

  test('that a cut hid behind its hello is told by the next connection', async () => {
    const { server, resets } = await subscribe();
    await (await server.nth(1).open(log.hello(1, 0) + log.poke('account-1', 0, 1) + log.heartbeat(1, 1))).cut();
    await vi.advanceTimersByTimeAsync(3_000);
    await (await server.nth(2).open(otherLog.hello(1, 0))).cut();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(server.nth(3).headers.get('last-event-id')).toBe('1-aaaa');
    await server.nth(3).open(otherLog.hello(1, 0) + otherLog.reset('other-epoch', {}));
    expect(resets.length).toBe(1);
  });

  test('ends a subscription that does not listen to it', async () => {
    const { server, states } = await subscribe({ category: 'account', cursor: '9-dead' }, {}, { onReset: undefined });
    const stream = await server.nth(1).open(log.hello(1, 0) + log.reset('other-epoch', { from: 10 }));
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'RESET', why: { details: { reason: 'other-epoch' } } });
  });
});

describe('credentials', () => {
  test('are renewed when the server refuses them', async () => {
    const token = vi.fn().mockReturnValueOnce('old').mockReturnValueOnce('new');
    const { server, states } = await subscribe({ all: true }, { token });
    await server.nth(1).refuse(403, 'AUTH_UNAUTHORIZED');
    expect(states.at(-1)?.name).toBe('away');
    await vi.advanceTimersByTimeAsync(250);
    expect(server.nth(2).headers.get('authorization')).toBe('Bearer new');
  });

  test('are renewed when the server says that they were revoked', async () => {
    const token = vi.fn().mockReturnValueOnce('old').mockReturnValueOnce('new');
    const { server } = await subscribe({ all: true }, { token });
    await server.nth(1).open(log.hello(0, 0) + log.end('revoked'));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('authorization')).toBe('Bearer new');
  });

  test('are renewed before they expire, without a wait', async () => {
    const token = vi.fn(() => ({ token: `t${token.mock.calls.length}`, expiresAt: Date.now() + 60_000 }));
    const { server, states } = await subscribe({ all: true }, { token });
    const stream = await server.nth(1).open(log.hello(0, 0));
    for (let s = 0; s < 56; s += 4) {
      if (!stream.isAborted) await stream.send(log.heartbeat(0));
      await vi.advanceTimersByTimeAsync(4_000);
    }
    expect(server.requests[1]!.headers.get('authorization')).toBe('Bearer t2');
    expect(server.requests[1]!.headers.get('last-event-id')).toBe('0-aaaa');
    expect(names(states)).not.toContain('away');
  });

  test('that are refused although they are new end the subscription', async () => {
    const { server, states } = await subscribe({ all: true }, { token: () => 'bad' });
    for (let tries = 1; tries <= 4; tries++) {
      await server.nth(tries).refuse(401, 'AUTH_INVALID_TOKEN');
      await vi.advanceTimersByTimeAsync(2 ** tries * 125);
    }
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'AUTH_INVALID_TOKEN' });
    expect(server.requests.length).toBe(4);
  });

  test('that cannot be renewed end the subscription', async () => {
    const { server, states } = await subscribe({ all: true }, { token: 'fixed' });
    await server.nth(1).refuse(401, 'AUTH_INVALID_TOKEN');
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'AUTH_INVALID_TOKEN' });
  });

  test('whose function fails are asked for again', async () => {
    const ticket = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValueOnce('good');
    const { server, states } = await subscribe({ all: true }, { ticket });
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CREDENTIAL' } });
    await vi.advanceTimersByTimeAsync(250);
    expect(server.nth(1).query.ticket).toBe('good');
  });
});

describe('an end', () => {
  test('comes with a refusal that does not pass', async () => {
    const { server, states } = await subscribe({ category: 'account-1' });
    await server.nth(1).refuse(400, 'INVALID_REQUEST');
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'INVALID_REQUEST' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length).toBe(1);
  });

  test('comes with the deletion of the namespace', async () => {
    const { server, states } = await subscribe();
    await server.nth(1).open(log.hello(0, 0) + log.end('namespace-deleted'));
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'NAMESPACE_DELETED' });
  });

  test('by close aborts the request and tells nothing more', async () => {
    const { server, subscription, states, pokes } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    subscription.close();
    await settle();
    expect(stream.isAborted).toBe(true);
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'CLOSED' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length).toBe(1);
    expect(pokes).toEqual([]);
  });

  test('from within a callback delivers no further poke', async () => {
    const onPoke = vi.fn(() => subscription.close());
    const { server, subscription } = await subscribe({ all: true }, {}, { onPoke });
    await server.nth(1).open(log.hello(0, 0) + log.poke('a', 0, 1) + log.poke('a', 1, 2));
    expect(onPoke).toHaveBeenCalledTimes(1);
  });
});

describe('a browser', () => {
  test('that is online again does not wait for its next attempt', async () => {
    const online = new EventTarget();
    vi.stubGlobal('addEventListener', online.addEventListener.bind(online));
    vi.stubGlobal('removeEventListener', online.removeEventListener.bind(online));
    const { server } = await subscribe({ all: true }, { retry: { minMs: 20_000 } });
    await server.nth(1).fail();
    online.dispatchEvent(new Event('online'));
    await settle();
    expect(server.requests.length).toBe(2);
    vi.unstubAllGlobals();
  });

  test('that slept gives up its dead connection as soon as it is seen', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('document', page);
    const { server } = await subscribe();
    const stream = await server.nth(1).open(log.hello(0, 0));
    vi.setSystemTime(Date.now() + 3_600_000);
    page.dispatchEvent(new Event('visibilitychange'));
    await settle();
    expect(stream.isAborted).toBe(true);
    vi.unstubAllGlobals();
  });
});
