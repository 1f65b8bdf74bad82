import { expect, test } from 'vitest';
import { GrantWatch } from '../../src/access/grant-watch.ts';
import { Namespaces } from '../../src/access/namespaces.ts';
import { newToken } from '../../src/access/token.ts';
import { Transfers } from '../../src/admission/transfers.ts';
import { startingPoint } from '../../src/hub/starting-point.ts';
import { MemoryNamespaces } from '../../src/store/memory/memory-namespaces.ts';
import { everything } from '../support/fake-messages.ts';
import { claimOf, FakeNode, noWishes, readyGreeting } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';

const id = 'tenant';

/** A node with one namespace and a watch over it. Close it by `await using`. */
class Watched implements AsyncDisposable {
  readonly node = new FakeNode();
  readonly store = new MemoryNamespaces();
  readonly namespaces = new Namespaces(this.store, this.node.store, ({ log }) => this.node.hub.endNamespace(log));
  readonly transfers = new Transfers({ maxTransfers: 0, maxTransfersPerNamespace: 0 });
  readonly watch = new GrantWatch(this.namespaces, this.node.hub, this.transfers);
  readonly #sinks: FakeSink[] = [];

  constructor() {
    // Tests look when they want to.
    this.watch.stop();
  }

  createNamespace(namespaceId = id) {
    return this.namespaces.create({ id: namespaceId, description: '', token: newToken(namespaceId) });
  }

  createToken(expiresAtMs?: number) {
    return this.namespaces.createToken(id, { label: '', scope: 'read', expiresAtMs });
  }

  async subscribe(log: string, tokenId: string | undefined, lastEventId?: number, namespaceId = id) {
    const sink = new FakeSink();
    this.#sinks.push(sink);
    const start = await startingPoint(this.node.store, {
      namespace: log,
      selection: everything,
      position: 0,
      lastEventId: claimOf(lastEventId),
      epoch: undefined,
      wishes: noWishes,
    });
    const holder = { namespaceId, tokenId, address: '127.0.0.1' };
    const subscription = this.node.hub.subscribe(start, sink, readyGreeting, holder);
    await this.node.settle();
    return { sink, subscription };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#sinks) sink.destroy();
    await this.node[Symbol.asyncDispose]();
  }
}

test('A subscription ends when its token is revoked, with an event that says so, and those of other tokens go on.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  const [revoked, kept] = [await watched.createToken(), await watched.createToken()];
  const ending = await watched.subscribe(namespace.log, revoked.id);
  const staying = await watched.subscribe(namespace.log, kept.id);
  await watched.watch.check(Date.now());
  expect(watched.node.closed).toEqual([]);
  await watched.namespaces.revokeToken(id, revoked.id);
  await watched.watch.check(Date.now());
  expect(watched.node.closed).toMatchObject([{ subscription: ending.subscription, reason: 'revoked' }]);
  expect(ending.sink.stream.events).toMatchObject([{ type: 'end', data: '{"code":"revoked"}' }]);
  expect(staying.subscription.state).toBe('live');
});

test('A subscription ends when its token expires, not before.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  const expiresAtMs = Date.now() + 60_000;
  const { subscription, sink } = await watched.subscribe(namespace.log, (await watched.createToken(expiresAtMs)).id);
  await watched.watch.check(expiresAtMs - 1);
  expect(subscription.state).toBe('live');
  await watched.watch.check(expiresAtMs);
  expect([subscription.state, subscription.closeReason]).toEqual(['closed', 'revoked']);
  expect(sink.stream.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"revoked"}' });
});

test('A subscription without a token does not end by the tokens of its namespace.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  const { subscription } = await watched.subscribe(namespace.log, undefined);
  await watched.namespaces.revokeToken(id, namespace.tokens[0]!.id);
  await watched.watch.check(Date.now());
  expect(subscription.state).toBe('live');
});

test('A namespace that another node deleted ends its subscriptions, and nothing of it is kept.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  await watched.node.append('a-1', 1, namespace.log);
  const { sink } = await watched.subscribe(namespace.log, namespace.tokens[0]!.id);
  const before = watched.node.hub.namespaces;
  await watched.store.remove(namespace, 0);
  await watched.watch.check(Date.now());
  expect(sink.stream.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"namespace-deleted"}' });
  expect([before, watched.node.hub.namespaces]).toEqual([1, 0]);
});

test('A namespace of the same name is another one: its messages reach nobody who subscribed to the first.', async () => {
  await using watched = new Watched();
  const first = await watched.createNamespace();
  await watched.node.append('a-1', 5, first.namespace.log);
  const old = await watched.subscribe(first.namespace.log, first.namespace.tokens[0]!.id, 3);
  expect(await watched.namespaces.remove(id)).toBe(5);
  expect(old.sink.stream.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"namespace-deleted"}' });
  const second = await watched.createNamespace();
  expect(second.namespace.log).not.toBe(first.namespace.log);
  expect(await watched.node.append('a-1', 2, second.namespace.log)).toBe(8);
  await watched.node.settle();
  expect(old.sink.positions).toEqual([4, 5]);
});

test('A cursor of the deleted namespace is told everything there is in the new one, however far that is.', async () => {
  await using watched = new Watched();
  const first = await watched.createNamespace();
  await watched.node.append('a-1', 5, first.namespace.log);
  await watched.namespaces.remove(id);
  const { namespace } = await watched.createNamespace();
  for (const more of [2, 10]) {
    const head = await watched.node.append('a-1', more, namespace.log);
    const everyPosition = Array.from({ length: head - 6 }, (_value, index) => index + 7);
    for (const cursor of [1, 3, 5]) {
      expect((await watched.subscribe(namespace.log, undefined, cursor)).sink.positions).toEqual(everyPosition);
    }
  }
});

test('A store that fails ends nothing, and is asked again.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  const { subscription } = await watched.subscribe(namespace.log, namespace.tokens[0]!.id);
  const { find } = watched.store;
  watched.store.find = () => Promise.reject(new Error('disk'));
  await watched.namespaces.revokeToken(id, namespace.tokens[0]!.id).catch(() => {});
  await watched.watch.check(Date.now());
  expect(subscription.state).toBe('live');
  watched.store.find = find;
  await watched.namespaces.revokeToken(id, namespace.tokens[0]!.id);
  await watched.watch.check(Date.now());
  expect(subscription.closeReason).toBe('revoked');
});

test.each([
  ['fails', () => Promise.reject(new Error('disk'))],
  ['never answers', () => new Promise<undefined>(() => {})],
])('A namespace for which the store %s keeps no other from being looked at, time and again.', async (_what, find) => {
  await using watched = new Watched();
  const { namespace: stuck } = await watched.createNamespace('a-stuck');
  const { namespace } = await watched.createNamespace();
  const [first, second] = [await watched.createToken(), await watched.createToken()];
  const kept = await watched.subscribe(stuck.log, stuck.tokens[0]!.id, undefined, 'a-stuck');
  const ending = [
    await watched.subscribe(namespace.log, first.id),
    await watched.subscribe(namespace.log, second.id),
  ] as const;
  const findOthers = watched.store.find.bind(watched.store);
  watched.store.find = (asked) => (asked === 'a-stuck' ? find() : findOthers(asked));
  for (const [index, { id: tokenId }] of [first, second].entries()) {
    await watched.namespaces.revokeToken(id, tokenId);
    void watched.watch.check(Date.now());
    await watched.node.settle();
    expect(ending[index]!.subscription.closeReason).toBe('revoked');
  }
  expect(kept.subscription.state).toBe('live');
});

test('An import or export ends once, when its token is revoked or its namespace deleted.', async () => {
  await using watched = new Watched();
  const { namespace } = await watched.createNamespace();
  const { id: tokenId } = await watched.createToken();
  const begin = (by: string | undefined) => {
    const transfer = watched.transfers.begin({ namespace, scope: 'write', tokenId: by, isOperator: false });
    const ends: unknown[] = [];
    transfer.onEnd = () => ends.push(transfer.endReason);
    return ends;
  };
  const [revoked, owner, anybody] = [begin(tokenId), begin(namespace.tokens[0]!.id), begin(undefined)];
  await watched.watch.check(Date.now());
  expect([revoked, owner, anybody]).toEqual([[], [], []]);
  await watched.namespaces.revokeToken(id, tokenId);
  for (let turn = 0; turn < 2; turn++) await watched.watch.check(Date.now());
  expect([revoked, owner, anybody]).toEqual([['revoked'], [], []]);
  await watched.namespaces.remove(id);
  await watched.watch.check(Date.now());
  const deleted = ['namespace-deleted'];
  expect([revoked, owner, anybody]).toEqual([['revoked'], deleted, deleted]);
});
