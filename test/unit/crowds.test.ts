import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { GrantWatch } from '../../src/access/grant-watch.ts';
import { TurnGate } from '../../src/hub/turn-gate.ts';
import { membersPerTurn, serveInTurns } from '../../src/message/turns.ts';
import { Heartbeats } from '../../src/sse/heartbeat.ts';
import { countTurns } from '../support/count-turns.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { type Asked, FakeNode, type Listening, noWishes } from '../support/fake-node.ts';
import { mostPerTurn } from '../support/most-per-turn.ts';

const crowd = 600;
const ofA = { selection: selectionOf({ categories: ['a'] }) };
const withHeads = { ...ofA, wishes: { ...noWishes, heads: true } };

const times = <T>(each: (index: number) => T) => Array.from({ length: crowd }, (_value, index) => each(index));

function useFakeTimers(...toFake: ('setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval')[]): void {
  vi.useFakeTimers({ toFake });
  onTestFinished(() => void vi.useRealTimers());
}

describe('A crowd', () => {
  test('is served in order, 256 members a turn, the first ones at once', async () => {
    const served: number[] = [];
    const members = times((index) => index);
    let atOnce = 0;
    const { most } = await mostPerTurn(
      () => served.length,
      async () => {
        const serving = serveInTurns(members, (member) => served.push(member));
        atOnce = served.length;
        await serving;
      },
    );
    expect([served, atOnce, most]).toEqual([members, membersPerTurn, membersPerTurn]);
  });

  test('alternates with another one', async () => {
    let served = 0;
    const serve = () => serveInTurns(times(String), () => served++);
    // The first parts of both are served in this turn, and each further part in a separate one.
    const { turns } = await countTurns(() => Promise.all([serve(), serve()]));
    expect([served, turns]).toEqual([2 * crowd, 5]);
  });

  test('passes a gate in order, 256 members a turn, and a caller that cannot wait is refused meanwhile', async () => {
    const gate = new TurnGate();
    const through: number[] = [];
    const refused: boolean[] = [];
    const { most } = await mostPerTurn(
      () => through.length,
      async () => {
        const passing = times((index) => gate.pass().then(() => through.push(index)));
        refused.push(!gate.tryPass());
        await Promise.all(passing);
      },
    );
    refused.push(!gate.tryPass());
    expect([refused, most, through]).toEqual([[true, false], membersPerTurn, times((index) => index)]);
  });
});

describe('No turn of the event loop serves more than 256 of a crowd', () => {
  async function subscribe(node: FakeNode, asked: Asked): Promise<Listening[]> {
    await node.store.namespace('default');
    return Promise.all(times(() => node.subscribe(asked)));
  }

  /** Largest number of writes to sockets in one turn after the cause. */
  async function mostWrites(node: FakeNode, listening: readonly Listening[], cause: () => void): Promise<number> {
    const { most } = await mostPerTurn(
      () => listening.reduce((sum, { sink }) => sum + sink.writes, 0),
      async () => {
        cause();
        await node.settle();
      },
    );
    return most;
  }

  /** Searches for the last message of a selection wait until the returned function is called. */
  function holdSearches(node: FakeNode): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { log } = node.store;
    node.store.log = (id) => {
      const found = log.call(node.store, id);
      const last = (...args: Parameters<typeof found.last>) => promise.then(() => found.last(...args));
      return Object.assign(Object.create(found), { last });
    };
    return resolve;
  }

  test('that is sent the head of a quiet selection', async () => {
    await using node = new FakeNode();
    const answer = holdSearches(node);
    const head = await node.append('a-1', 3);
    const listening = await subscribe(node, { ...withHeads, lastEventId: head });
    await node.settle();
    const most = await mostWrites(node, listening, answer);
    const heads = listening.map(({ sink }) => sink.stream.events.map(({ data }) => JSON.parse(data).head));
    expect([most, heads]).toEqual([membersPerTurn, times(() => [3])]);
  });

  test('that starts when the store answers again', async () => {
    await using node = new FakeNode();
    await node.subscribe();
    await node.append('a-1', 3);
    node.store.holdReads();
    const listening = await subscribe(node, { wishes: withHeads.wishes });
    const most = await mostWrites(node, listening, () => node.store.answerReads());
    await node.append('a-1');
    await node.settle();
    expect([most, listening.map(({ sink }) => sink.positions)]).toEqual([membersPerTurn, times(() => [4])]);
  });

  test('that goes live after a shared page, and receives messages stored meanwhile once', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 3);
    node.store.holdPages();
    const listening = await subscribe(node, { ...withHeads, lastEventId: 0 });
    node.store.answerReads();
    const { most } = await mostPerTurn(
      () => listening.filter(({ subscription }) => subscription.state.name === 'live').length,
      async () => {
        for (let count = 0; count < 5; count++) await node.append('a-1');
        await node.settle();
      },
    );
    expect([most, listening.map(({ sink }) => sink.positions)]).toEqual([
      membersPerTurn,
      times(() => [1, 2, 3, 4, 5, 6, 7, 8]),
    ]);
  });

  test.each([
    ['the log cannot be read', false],
    ['fresh bounds of the log cannot be read', true],
  ])('that is sent the head of the response while %s', async (_what, isFollowed) => {
    useFakeTimers('setTimeout', 'clearTimeout');
    await using node = new FakeNode();
    if (isFollowed) await node.subscribe();
    await node.settle();
    node.responseHead = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
    node.store.holdReads();
    const listening = await subscribe(node, {});
    node.store.failure = new Error('disk');
    const most = await mostWrites(node, listening, () => node.store.answerReads());
    expect([most, new Set(listening.map(({ sink }) => `${sink.received}`))]).toEqual([
      membersPerTurn,
      new Set(['HTTP/1.1 200 OK\r\n\r\n']),
    ]);
  });

  test('that has stalled for too long', async () => {
    await using node = new FakeNode({ stallTimeoutMs: 60_000 });
    const listening = await subscribe(node, {});
    await node.settle();
    for (const { sink } of listening) sink.stall();
    await node.append('a-1');
    await node.settle();
    const { most } = await mostPerTurn(
      () => node.closed.length,
      async () => {
        node.hub.closeStalled(performance.now() + 60_000);
        await node.settle();
      },
    );
    expect([most, node.closed.length]).toEqual([membersPerTurn, crowd]);
  });

  test('whose heartbeats are due, without those that left meanwhile or are not due', async () => {
    useFakeTimers('setInterval', 'clearInterval');
    const heartbeats = new Heartbeats();
    onTestFinished(() => heartbeats.stop());
    let beats = 0;
    const members = times(() => ({ slot: -1, beat: () => void beats++ }));
    for (const member of members) heartbeats.add(member, 15_000);
    const { most } = await mostPerTurn(
      () => beats,
      async () => {
        vi.advanceTimersByTime(15_000);
        heartbeats.remove(members.at(-1)!);
        heartbeats.add({ slot: -1, beat: () => void beats++ }, 15_000);
        await serveInTurns(members, () => {});
      },
    );
    expect([most, beats]).toEqual([membersPerTurn, crowd - 1]);
  });

  test.each([
    ['token was revoked', 'revoked'],
    ['token has expired', 'revoked'],
    ['namespace was deleted', 'namespace-deleted'],
  ])('whose %s', async (what, reason) => {
    await using node = new FakeNode();
    const namespace = await node.store.namespace('default');
    const watch = new GrantWatch(node.store.namespaces);
    onTestFinished(() => watch.stop());
    const expiresAtMs = what === 'token has expired' ? 1_000 : undefined;
    const tokenId = what === 'token was revoked' ? 'revoked' : undefined;
    const ends: string[] = [];
    times(() => {
      const letGo = watch.hold({ namespace, scope: 'read', tokenId, expiresAtMs, isOperator: false }, (why) => {
        ends.push(why);
        letGo();
      });
    });
    if (what === 'namespace was deleted') await node.store.namespaces.remove(namespace);
    const { most } = await mostPerTurn(
      () => ends.length,
      () => watch.check(1_000),
    );
    expect([most, ends]).toEqual([membersPerTurn, times(() => reason)]);
  });
});
