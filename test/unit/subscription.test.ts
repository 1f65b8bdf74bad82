import { beforeEach, describe, expect, test } from 'vitest';
import { Subscription, type SubscriptionState } from '../../src/hub/subscription.ts';
import { BufferPool } from '../../src/pool/buffer-pool.ts';
import { chunk } from '../support/chunks.ts';
import { everything } from '../support/fake-messages.ts';
import { nobody, noWishes } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

const frame = chunk('frame');
const greeting = { framing: 'chunked', head: Buffer.alloc(0), frames: frame } as const;
let moves: string[];
let head: number;
let heads: Subscription[];
let whenSettling: () => void;

beforeEach(() => {
  moves = [];
  head = 0;
  heads = [];
  whenSettling = () => {};
});

function subscriptionOn(sink: FakeSink, cursor = 0, wishes = noWishes): Subscription {
  const host = {
    moved: (subscription: Subscription, from: SubscriptionState) => moves.push(`${from} → ${subscription.state}`),
    settled: () => {
      whenSettling();
      return head;
    },
    readHead: (subscription: Subscription) => heads.push(subscription),
  };
  const request = {
    namespace: 'default',
    selection: everything,
    liveSelection: everything,
    cursor,
    head: cursor,
    epoch: 'e',
    wishes,
  };
  return new Subscription(request, sink, 'chunked', host, nobody);
}

function lease() {
  return new BufferPool({ min: 0, max: 0 }).acquire(10);
}

/** A subscription that was brought into this state, on a socket that is full from then on. */
function subscriptionIn(state: SubscriptionState): Subscription {
  const sink = new FakeSink();
  const subscription = subscriptionOn(sink);
  if (state === 'live') subscription.goLive();
  sink.stall();
  if (state === 'lagging') subscription.greet(greeting);
  if (state === 'closed') subscription.end('draining');
  return subscription;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a new subscription', () => {
  test('is catching up from its cursor', () => {
    const subscription = subscriptionOn(new FakeSink(), 7);
    expect([subscription.state, subscription.cursor, subscription.pokes]).toEqual(['catching-up', 7, 0]);
  });

  test('stays so when its greeting is taken', () => {
    const subscription = subscriptionOn(new FakeSink());
    subscription.greet(greeting);
    expect(subscription.state).toBe('catching-up');
  });

  test('is lagging when its greeting is not taken', () => {
    const subscription = subscriptionOn(new FakeSink(0));
    subscription.greet(greeting);
    expect(subscription.state).toBe('lagging');
  });
});

describe('a move of state', () => {
  test.each<SubscriptionState>(['live', 'lagging', 'closed'])('from %s to live is refused', (state) => {
    const subscription = subscriptionIn(state);
    expect(() => subscription.goLive()).toThrow(new TypeError(`a ${state} subscription cannot become live`));
  });

  test('from lagging to lagging is refused', () => {
    const subscription = subscriptionIn('lagging');
    expect(() => subscription.greet(greeting)).toThrow(new TypeError('a lagging subscription cannot become lagging'));
  });

  test.each<SubscriptionState>(['live', 'lagging', 'closed'])('that was refused leaves it %s', (state) => {
    const subscription = subscriptionIn(state);
    expect(() => subscription.goLive()).toThrow(TypeError);
    expect(subscription.state).toBe(state);
  });

  test('is told to the host, each once', async () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    sink.stall();
    subscription.hear(frame, 1, 1, lease());
    sink.drain();
    subscription.goLive();
    sink.hangUp();
    await turn();
    expect(moves).toEqual([
      'catching-up → live',
      'live → lagging',
      'lagging → catching-up',
      'catching-up → live',
      'live → closed',
    ]);
  });
});

describe('telling from the log', () => {
  test('moves the cursor and counts pokes', () => {
    const subscription = subscriptionOn(new FakeSink());
    const taken = subscription.tell(frame, 3, 12, lease());
    expect([taken, subscription.cursor, subscription.pokes, subscription.state]).toEqual([true, 12, 3, 'catching-up']);
  });

  test('moves the cursor also when the socket is full, because what waits will be taken', () => {
    const subscription = subscriptionOn(new FakeSink(0));
    const taken = subscription.tell(frame, 3, 12, lease());
    expect([taken, subscription.cursor, subscription.pokes, subscription.state]).toEqual([false, 12, 3, 'lagging']);
  });

  test('goes on when the socket has drained', () => {
    const sink = new FakeSink(0);
    const subscription = subscriptionOn(sink);
    subscription.tell(frame, 1, 1, lease());
    sink.drain();
    expect(subscription.state).toBe('catching-up');
  });

  test('may find nothing and advance', () => {
    const subscription = subscriptionOn(new FakeSink());
    subscription.advance(40);
    expect([subscription.cursor, subscription.pokes]).toEqual([40, 0]);
  });
});

describe('hearing', () => {
  test('sends the frames', () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    subscription.hear(frame, 2, 5, lease());
    expect([sink.body.toString(), subscription.pokes, subscription.state]).toEqual(['frame', 2, 'live']);
  });

  test('puts the cursor behind what the full socket still takes', () => {
    const sink = new FakeSink(0);
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    subscription.hear(frame, 2, 5, lease());
    expect([subscription.state, subscription.cursor, subscription.pokes]).toEqual(['lagging', 5, 2]);
  });

  test('notes when it became lagging', () => {
    const subscription = subscriptionIn('live');
    const before = performance.now();
    subscription.hear(frame, 1, 1, lease());
    expect(subscription.laggingSinceMs).toBeGreaterThanOrEqual(before);
  });
});

describe('a beat', () => {
  test('is sent to a live subscription', () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    subscription.beat();
    expect(sink.body.toString()).toBe(':\n');
  });

  test.each<SubscriptionState>(['catching-up', 'lagging', 'closed'])('is not sent while it is %s', (state) => {
    const subscription = subscriptionIn(state);
    const before = subscription.bytesSent;
    subscription.beat();
    expect(subscription.bytesSent).toBe(before);
  });

  test('comes behind the pokes that were gathered', () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    whenSettling = () => subscription.hear(frame, 1, 1, lease());
    subscription.beat();
    expect(sink.body.toString()).toBe('frame:\n');
  });

  test('is left out when those pokes filled the socket', () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.goLive();
    sink.stall();
    whenSettling = () => subscription.hear(frame, 1, 1, lease());
    subscription.beat();
    expect([subscription.state, subscription.cursor, sink.writes]).toEqual(['lagging', 1, 1]);
  });

  test('that fills the socket puts the cursor where everything was told', () => {
    head = 9;
    const subscription = subscriptionIn('live');
    subscription.beat();
    expect([subscription.state, subscription.cursor]).toEqual(['lagging', 9]);
  });

  test('never puts the cursor back', () => {
    head = 9;
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink, 12);
    subscription.goLive();
    sink.stall();
    subscription.beat();
    expect([subscription.state, subscription.cursor]).toEqual(['lagging', 12]);
  });
});

describe('the end', () => {
  test('comes with last words when the socket is not full', async () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.end('revoked');
    await turn();
    expect([sink.body.toString(), sink.destroyed, subscription.closeReason]).toEqual([
      'event: end\ndata:{"code":"revoked"}\n\n',
      true,
      'revoked',
    ]);
  });

  test.each([
    ['revoked', true],
    ['namespace-deleted', true],
    ['log-replaced', false],
    ['store-failed', false],
    ['draining', false],
    ['stalled', false],
  ] as const)('completes the body where the subscriber is not to come back: %s, %s', async (reason, isComplete) => {
    const sink = new FakeSink();
    subscriptionOn(sink).end(reason);
    await turn();
    expect(sink.received.toString().endsWith('0\r\n\r\n')).toBe(isComplete);
  });

  test('comes at once, without last words, when the socket is full', async () => {
    const sink = new FakeSink(0);
    const subscription = subscriptionOn(sink);
    subscription.greet(greeting);
    subscription.end('revoked');
    await turn();
    expect([sink.received.toString(), sink.destroyed, sink.writes]).toEqual(['', true, 1]);
  });

  test('drops a socket that cannot take the last words, because nobody would watch it any more', async () => {
    const sink = new FakeSink(2);
    const subscription = subscriptionOn(sink);
    subscription.end('store-failed');
    await turn();
    expect([sink.destroyed, subscription.state]).toEqual([true, 'closed']);
  });

  test('has the reason of the peer when the peer went', async () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    sink.hangUp();
    await turn();
    expect([subscription.state, subscription.closeReason]).toEqual(['closed', 'peer']);
  });

  test('comes once, and keeps its reason', async () => {
    const sink = new FakeSink();
    const subscription = subscriptionOn(sink);
    subscription.end('draining');
    subscription.end('stalled');
    sink.fail(new Error('reset'));
    await turn();
    expect([subscription.closeReason, moves]).toEqual(['draining', ['catching-up → closed']]);
  });

  test('is final for a socket that drains afterwards', async () => {
    const sink = new FakeSink(2);
    const subscription = subscriptionOn(sink);
    subscription.end('revoked');
    sink.drain();
    await turn();
    expect([subscription.state, moves]).toEqual(['closed', ['catching-up → closed']]);
  });
});
