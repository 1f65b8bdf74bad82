import { beforeEach, describe, expect, test } from 'vitest';
import { FanOutGroup } from '../../src/hub/fan-out-group.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import { everything } from '../support/fake-messages.ts';
import { FakeSink } from '../support/fake-sink.ts';
import { LoneSubscriptions, responseHead, startAt } from '../support/lone-subscription.ts';

const frame = Buffer.from('5\r\nframe\r\n');
const openStates = ['starting', 'catching-up', 'live', 'lagging'] as const;
let lone: LoneSubscriptions;

beforeEach(() => {
  lone = new LoneSubscriptions();
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const bodyOf = (sink: FakeSink) => sink.received.toString().split('\r\n\r\n').slice(1).join('\r\n\r\n');

function lease() {
  return new BufferPool({ min: 0, max: 0 }).acquire(10);
}

describe('A new subscription', () => {
  test('is starting, and has written nothing', () => {
    const sink = new FakeSink();
    const subscription = lone.on(sink);
    expect([subscription.state, subscription.cursor, sink.bytesWritten]).toEqual([{ name: 'starting' }, 0, 0]);
  });

  test('catches up from its cursor once its greeting is accepted', () => {
    const subscription = lone.in('catching-up');
    expect(subscription.state).toEqual({ name: 'catching-up', cursor: 7 });
  });

  test('lags if its greeting is not accepted', () => {
    const subscription = lone.in('lagging');
    expect([subscription.state.name, subscription.cursor]).toEqual(['lagging', 7]);
  });

  test('gets head and greeting in one write', () => {
    const sink = new FakeSink();
    lone.in('catching-up', sink);
    expect([sink.writes, sink.received.toString()]).toEqual([
      1,
      `${responseHead}009\r\n: ready\n\n\r\n009\r\nretry: 1\n\r\n`,
    ]);
  });

  test('gets its head once if that is sent before the starting point is known', () => {
    const sink = new FakeSink();
    const subscription = lone.on(sink);
    subscription.greetEarly();
    subscription.greetEarly();
    const early = sink.received.toString();
    subscription.begin(startAt(7));
    expect([early, bodyOf(sink)]).toEqual([responseHead.toString(), '009\r\n: ready\n\n\r\n009\r\nretry: 1\n\r\n']);
  });

  test('starts once, and not after it has ended', () => {
    const subscription = lone.in('catching-up');
    subscription.begin(startAt(9));
    const ended = lone.in('closed');
    ended.begin(startAt(9));
    expect([subscription.cursor, ended.state.name]).toEqual([7, 'closed']);
  });

  test('is closed if its socket cannot even accept the head', async () => {
    const sink = new FakeSink(3);
    const subscription = lone.on(sink);
    subscription.greetEarly();
    await turn();
    expect([subscription.state, sink.destroyed, lone.released]).toEqual([{ name: 'closed', reason: 'peer' }, true, 1]);
  });
});

test('Each change of state is reported to the host once.', async () => {
  const sink = new FakeSink();
  const subscription = lone.in('live', sink);
  sink.stall();
  subscription.deliver(frame, 1, 8, lease());
  sink.drain();
  subscription.goLive(new FanOutGroup(everything));
  sink.hangUp();
  await turn();
  expect(lone.moves).toEqual([
    'starting → catching-up',
    'catching-up → live',
    'live → lagging',
    'lagging → catching-up',
    'catching-up → live',
    'live → closed',
  ]);
});

describe('A page of the log', () => {
  test('moves the cursor and counts pokes', () => {
    const subscription = lone.in('catching-up');
    const isTaken = subscription.deliverPage(frame, 3, 12, lease());
    expect([isTaken, subscription.state, subscription.pokes, subscription.deliveredUpTo]).toEqual([
      true,
      { name: 'catching-up', cursor: 12 },
      3,
      12,
    ]);
  });

  test('moves the cursor even if the socket is full, because pending bytes will be accepted', () => {
    const sink = new FakeSink();
    const subscription = lone.in('catching-up', sink);
    sink.stall();
    const isTaken = subscription.deliverPage(frame, 3, 12, lease());
    expect([isTaken, subscription.state.name, subscription.cursor]).toEqual([false, 'lagging', 12]);
    sink.drain();
    expect(subscription.state).toEqual({ name: 'catching-up', cursor: 12 });
  });

  test('without pokes moves the cursor only', () => {
    const subscription = lone.in('catching-up');
    subscription.advance(40);
    expect([subscription.cursor, subscription.pokes, subscription.deliveredUpTo]).toEqual([40, 0, 0]);
  });

  test('that arrives too late moves the cursor only of subscriptions that are catching up', () => {
    const states = openStates.map((name) => lone.in(name));
    for (const subscription of states) subscription.advance(40);
    expect(states.map(({ cursor }) => cursor)).toEqual([0, 40, 7, 7]);
  });
});

describe('A live subscription', () => {
  test('sends the frames of its group', () => {
    const sink = new FakeSink();
    const subscription = lone.in('live', sink);
    const before = sink.received.length;
    subscription.deliver(frame, 2, 9, lease());
    expect([sink.received.subarray(before).toString(), subscription.pokes, subscription.deliveredUpTo]).toEqual([
      frame.toString(),
      2,
      9,
    ]);
  });

  test('has the cursor of flushed pokes', () => {
    const subscription = lone.in('live');
    lone.flushedUpTo = 11;
    expect(subscription.cursor).toBe(11);
  });

  test('has its cursor after the bytes that a full socket still accepts, and records since when it lags', () => {
    const sink = new FakeSink();
    const subscription = lone.in('live', sink);
    sink.stall();
    const before = performance.now();
    subscription.deliver(frame, 2, 9, lease());
    const { state } = subscription;
    expect([state.name, subscription.cursor]).toEqual(['lagging', 9]);
    expect(state.name === 'lagging' && state.sinceMs).toBeGreaterThanOrEqual(before);
  });

  test('has its cursor at the end of the deliveries when a heartbeat fills its socket', () => {
    const sink = new FakeSink();
    const subscription = lone.in('live', sink);
    lone.flushedUpTo = 9;
    sink.stall();
    subscription.beat();
    expect([subscription.state.name, subscription.cursor]).toEqual(['lagging', 9]);
  });
});

describe('A heartbeat', () => {
  test.each(['starting', 'catching-up', 'live'] as const)('is sent to one that is %s', (name) => {
    const sink = new FakeSink();
    const subscription = lone.in(name, sink);
    subscription.beat();
    expect([sink.received.toString().endsWith('002\r\n:\n\r\n'), subscription.state.name]).toEqual([true, name]);
  });

  test.each(['lagging', 'closed'] as const)('is not sent to one that is %s', (name) => {
    const subscription = lone.in(name);
    const before = subscription.bytesSent;
    subscription.beat();
    expect(subscription.bytesSent).toBe(before);
  });

  test('to a starting one follows the response head', () => {
    const sink = new FakeSink();
    const subscription = lone.on(sink);
    subscription.beat();
    subscription.beat();
    expect(sink.received.toString()).toBe(`${responseHead}002\r\n:\n\r\n002\r\n:\n\r\n`);
  });
});
