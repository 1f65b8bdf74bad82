import { beforeEach, describe, expect, test } from 'vitest';
import { closeReasons } from '../../src/hub/close-reason.ts';
import { FakeSink } from '../support/fake-sink.ts';
import { LoneSubscriptions, responseHead } from '../support/lone-subscription.ts';

const openStates = ['starting', 'catching-up', 'live', 'lagging'] as const;
let lone: LoneSubscriptions;

beforeEach(() => {
  lone = new LoneSubscriptions();
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('The end', () => {
  const cases = openStates.flatMap((name) => closeReasons.map((reason) => [reason, name] as const));

  test.each(cases)('for %s releases its resources, once, from %s', async (reason, name) => {
    const sink = new FakeSink();
    const subscription = lone.in(name, sink);
    if (reason === 'peer') sink.hangUp();
    else subscription.end(reason);
    const atOnce = lone.released;
    await turn();
    subscription.end('draining');
    sink.fail(new Error('reset'));
    sink.drain();
    await turn();
    expect([subscription.state, atOnce, lone.released, sink.destroyed]).toEqual([
      { name: 'closed', reason },
      reason === 'peer' ? 0 : 1,
      1,
      true,
    ]);
    expect(lone.moves.filter((move) => move.endsWith('closed'))).toHaveLength(1);
  });

  test('has an event with the reason, and completes the body if the client must not reconnect', async () => {
    const bodies = [];
    for (const reason of ['revoked', 'log-replaced', 'log-forgotten', 'draining'] as const) {
      const sink = new FakeSink();
      const before = lone.in('live', sink);
      const { length } = sink.received;
      before.end(reason);
      await turn();
      bodies.push(sink.received.subarray(length).toString());
    }
    expect(bodies).toEqual([
      '024\r\nevent: end\ndata:{"code":"revoked"}\n\n\r\n0\r\n\r\n',
      '029\r\nevent: end\ndata:{"code":"log-replaced"}\n\n\r\n',
      '02a\r\nevent: end\ndata:{"code":"log-forgotten"}\n\n\r\n',
      '',
    ]);
  });

  test('of a starting one follows the response head', async () => {
    const sink = new FakeSink();
    lone.in('starting', sink).end('revoked');
    await turn();
    expect(sink.received.toString()).toBe(`${responseHead}024\r\nevent: end\ndata:{"code":"revoked"}\n\n\r\n0\r\n\r\n`);
  });

  test('happens at once, without a last event, when the socket is full', async () => {
    const sink = new FakeSink();
    const subscription = lone.in('lagging', sink);
    const { writes } = sink;
    subscription.end('revoked');
    await turn();
    expect([sink.destroyed, sink.writes]).toEqual([true, writes]);
  });

  test('destroys a socket that cannot accept the last event, because it has no stall time-out any more', async () => {
    const sink = new FakeSink();
    const subscription = lone.in('live', sink);
    sink.stall();
    subscription.end('revoked');
    await turn();
    expect([sink.destroyed, subscription.state.name]).toEqual([true, 'closed']);
  });
});
