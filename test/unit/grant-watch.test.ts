import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Grant } from '../../src/access/access.ts';
import { type GrantEnd, GrantWatch } from '../../src/access/grant-watch.ts';
import { Namespaces } from '../../src/access/namespaces.ts';
import type { Namespace } from '../../src/store/namespace-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

const id = 'tenant';

/** A watch on the namespaces of a store, which checks on a hint or when the test says so. */
class Watched implements AsyncDisposable {
  readonly store = new FakeStore({ pokes: pokePool() });
  readonly namespaces = new Namespaces(this.store);
  readonly watch: GrantWatch;
  /** Queries for changes, and namespaces looked up by the watch. */
  readonly asked: (number | undefined)[] = [];
  readonly lookedUp: string[] = [];

  constructor({ hints = false } = {}) {
    const { namespaces } = this.store;
    const follow = namespaces.follow.bind(namespaces);
    const observed = Object.assign(Object.create(namespaces), {
      find: (namespaceId: string) => {
        this.lookedUp.push(namespaceId);
        return namespaces.find(namespaceId);
      },
      changesSince: (revision: number | undefined) => {
        this.asked.push(revision);
        return namespaces.changesSince(revision);
      },
      follow: (changed: () => void) => (hints ? follow(changed) : () => {}),
    });
    this.watch = new GrantWatch(observed);
  }

  async create(namespaceId = id): Promise<Namespace> {
    return (await this.namespaces.create({ id: namespaceId, description: '', token: undefined })).namespace;
  }

  createToken(expiresAtMs?: number) {
    return this.namespaces.createToken(id, { label: '', scope: 'read', expiresAtMs });
  }

  /** Holds a grant; collects the reasons for its end. */
  hold(namespace: Namespace, tokenId?: string, expiresAtMs?: number) {
    const grant: Grant = { namespace, scope: 'read', tokenId, expiresAtMs, isOperator: false };
    const ends: GrantEnd[] = [];
    const release = this.watch.hold(grant, (reason) => {
      ends.push(reason);
      release();
    });
    return { ends, release };
  }

  check(nowMs = Date.now()): Promise<void> {
    return this.watch.check(nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch.stop();
  }
}

/** Replaces the namespace's log. */
async function replaceLog({ store }: Watched, namespace: Namespace): Promise<void> {
  const session = await store.beginReplacement(namespace);
  await session.commit();
}

test('Revoking a token ends its grants, and no others.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const [revoked, kept] = [await watched.createToken(), await watched.createToken()];
  const [ending, staying] = [watched.hold(namespace, revoked.id), watched.hold(namespace, kept.id)];
  await watched.check();
  const before = [ending.ends, staying.ends].flat();
  await watched.namespaces.revokeToken(id, revoked.id);
  await watched.check();
  expect([before, ending.ends, staying.ends]).toEqual([[], ['revoked'], []]);
});

test('A grant ends when its token expires, not before, without any look-up.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const expiresAtMs = Date.now() + 60_000;
  const { ends } = watched.hold(namespace, (await watched.createToken(expiresAtMs)).id, expiresAtMs);
  await watched.check(expiresAtMs - 1);
  const [before, lookedUp] = [[...ends], watched.lookedUp.length];
  await watched.check(expiresAtMs);
  expect([before, ends, watched.lookedUp.length]).toEqual([[], ['revoked'], lookedUp]);
});

test('A grant without a token does not end with the tokens of its namespace.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  await watched.check();
  await watched.namespaces.revokeToken(id, namespace.tokens[0]!.id);
  await watched.check();
  expect(ends).toEqual([]);
});

test('A grant ends when its namespace is deleted, even if one with the same id was created since.', async () => {
  await using watched = new Watched();
  const [first, second] = [await watched.create('first'), await watched.create('second')];
  const holds = [watched.hold(first), watched.hold(second)];
  await watched.check();
  await watched.namespaces.remove('first');
  await watched.namespaces.remove('second');
  await watched.create('second');
  await watched.check();
  expect(holds.map(({ ends }) => ends)).toEqual([['namespace-deleted'], ['namespace-deleted']]);
});

test('A grant for a log ends when an import has replaced the log.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace, namespace.tokens[0]!.id);
  await watched.check();
  await replaceLog(watched, namespace);
  await watched.check();
  expect(ends).toEqual(['log-replaced']);
});

test('A released grant is not notified, and its namespace is no longer looked up.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const expiresAtMs = Date.now() + 60_000;
  const { ends, release } = watched.hold(namespace, namespace.tokens[0]!.id, expiresAtMs);
  release();
  release();
  await watched.namespaces.remove(id);
  await watched.check(expiresAtMs);
  expect([ends, watched.lookedUp]).toEqual([[], []]);
});

test('A grant acquired after the last one was released ends too.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const first = watched.hold(namespace);
  first.release();
  const second = watched.hold(namespace);
  first.release();
  await watched.check();
  await watched.namespaces.remove(id);
  await watched.check();
  expect([first.ends, second.ends]).toEqual([[], ['namespace-deleted']]);
});

test('A change between the look-up of a grant and its acquisition is found at the next check.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const token = await watched.createToken();
  await watched.check();
  await watched.namespaces.revokeToken(id, token.id);
  await watched.check();
  const { ends } = watched.hold(namespace, token.id);
  await watched.check();
  expect(ends).toEqual(['revoked']);
});

test('A check requests changes once, and looks up only changed namespaces, however many there are.', async () => {
  await using watched = new Watched();
  for (let n = 0; n < 50; n++) watched.hold(await watched.create(`n${n}`));
  await watched.check();
  const before = [watched.asked.length, watched.lookedUp.length];
  watched.lookedUp.length = 0;
  await watched.namespaces.remove('n7');
  await watched.check();
  expect([before, watched.asked.length, watched.lookedUp]).toEqual([[1, 50], 2, ['n7']]);
});

test('If changes are too old to be listed, every namespace is looked up.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  await watched.check();
  await watched.namespaces.remove(id);
  for (let n = 0; n < 3_000; n++) await watched.create(`n${n}`);
  await watched.check();
  expect(ends).toEqual(['namespace-deleted']);
});

test('Changes during an outage of the store are found afterwards.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  const { changesSince } = watched.store.namespaces;
  watched.store.namespaces.changesSince = () => Promise.reject(new Error('disk'));
  await watched.check();
  await watched.namespaces.remove(id);
  await watched.check();
  const meanwhile = [...ends];
  watched.store.namespaces.changesSince = changesSince;
  await watched.check();
  expect([meanwhile, ends]).toEqual([[], ['namespace-deleted']]);
});

test('A failed look-up ends nothing, and is repeated.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  await watched.check();
  await watched.namespaces.remove(id);
  const { find } = watched.store.namespaces;
  watched.store.namespaces.find = () => Promise.reject(new Error('disk'));
  await watched.check();
  const meanwhile = [...ends];
  watched.store.namespaces.find = find;
  await watched.check();
  expect([meanwhile, ends]).toEqual([[], ['namespace-deleted']]);
});

test.each([
  ['fails', () => Promise.reject(new Error('disk'))],
  ['never answers', () => new Promise<undefined>(() => {})],
])('A namespace for which the store %s keeps no other from being looked at, time and again.', async (_what, find) => {
  await using watched = new Watched();
  const stuck = watched.hold(await watched.create('a-stuck'));
  const namespace = await watched.create();
  const findOthers = watched.store.namespaces.find.bind(watched.store.namespaces);
  watched.store.namespaces.find = (asked) => (asked === 'a-stuck' ? find() : findOthers(asked));
  for (let time = 0; time < 2; time++) {
    const { id: tokenId } = await watched.createToken();
    const { ends } = watched.hold(namespace, tokenId);
    await watched.namespaces.revokeToken(id, tokenId);
    void watched.check();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(ends).toEqual(['revoked']);
  }
  expect(stuck.ends).toEqual([]);
});

test('A pending look-up is not repeated concurrently, and changes in the meantime are found after it.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  const { find } = watched.store.namespaces;
  const old = Promise.withResolvers<Namespace>();
  watched.store.namespaces.find = () => old.promise;
  for (let time = 0; time < 3; time++) {
    void watched.check();
    await nextTurn();
  }
  watched.store.namespaces.find = find;
  await watched.namespaces.remove(id);
  void watched.check();
  await nextTurn();
  const meanwhile = [watched.lookedUp.length, ...ends];
  old.resolve(namespace);
  await nextTurn();
  await watched.check();
  expect([meanwhile, ends]).toEqual([[1], ['namespace-deleted']]);
});

test('A hint of the store starts a check without waiting for the next one.', async () => {
  await using watched = new Watched({ hints: true });
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  await watched.check();
  await watched.namespaces.remove(id);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  expect(ends).toEqual(['namespace-deleted']);
});

test('If a read finds a log gone, its namespaces are looked up, and no others.', async () => {
  await using watched = new Watched();
  const namespace = await watched.create();
  const { ends } = watched.hold(namespace);
  watched.hold(await watched.create('other'));
  await watched.check();
  watched.lookedUp.length = 0;
  const { changesSince } = watched.store.namespaces;
  watched.store.namespaces.changesSince = () => Promise.reject(new Error('disk'));
  await replaceLog(watched, namespace);
  watched.watch.logGone(namespace.log);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  watched.store.namespaces.changesSince = changesSince;
  expect([ends, watched.lookedUp]).toEqual([['log-replaced'], [id]]);
});
