import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GroupChange, GroupStore } from '../../src/store/group-store.ts';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import type { Store } from '../../src/store/store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsStores } from './nats-stores.ts';
import { Outsider } from './outsider.ts';
import { ownServer } from './own-server.ts';

const options = { pokes: pokePool(), ...noLimits };

const put = (key: string, revision = 0, text = '{}'): GroupChange => ({ key, revision, text, isQuiet: false });

describeWithNats('Records of groups in JetStream', () => {
  let stores: NatsStores;

  beforeAll(async () => {
    stores = await NatsStores.start();
  });
  afterAll(() => stores?.[Symbol.asyncDispose]());

  /** Two nodes over one empty store. */
  async function twoNodes() {
    const one = await stores.open(options);
    const other = await stores.again(one);
    const close = async () => void (await Promise.all([one.close(), other.close()]));
    return { stores: [one, other], groups: [one.groups!, other.groups!] as const, [Symbol.asyncDispose]: close };
  }

  test('are changed on one node, and the others are notified and read the change.', async () => {
    await using nodes = await twoNodes();
    const [one, other] = nodes.groups;
    const { revision } = await other.changesSince(undefined);
    const heard = Promise.withResolvers<void>();
    other.follow(() => heard.resolve());
    await one.write([put('uid/group/a'), { ...put('uid/partition/1'), isQuiet: true }]);
    await heard.promise;
    expect((await other.changesSince(revision)).keys).toEqual(['uid/group/a']);
  });

  test('are listed once, however often and by however many nodes they change.', async () => {
    await using nodes = await twoNodes();
    const [one, other] = nodes.groups;
    const { revision } = await one.changesSince(undefined);
    for (let n = 0, last = 0; n < 20; n++) [last] = (await nodes.groups[n % 2]!.write([put('a', last)])) as [number];
    await other.write([put('b')]);
    expect((await one.changesSince(revision)).keys).toEqual(['a', 'b']);
  });

  test('may all have changed if too many have since then.', async () => {
    await using nodes = await twoNodes();
    const [groups] = nodes.groups;
    const { revision } = await groups.changesSince(undefined);
    for (const half of [0, 1]) await groups.write(Array.from({ length: 600 }, (_value, n) => put(`many/${half}/${n}`)));
    expect((await groups.changesSince(revision)).keys).toBe('all');
  });

  test('are each listed once while they change, however many there are.', async () => {
    await using nodes = await twoNodes();
    const [one, other] = nodes.groups;
    const keys = Array.from({ length: 1_500 }, (_value, n) => `uid/group/${n}`);
    for (const half of [keys.slice(0, 750), keys.slice(750)]) await one.write(half.map((key) => put(key)));
    let isListed = false;
    const changing = (async () => {
      for (let n = 0; !isListed; n = (n + 1) % keys.length) await touch(other, keys[n]!);
    })();
    const first = await one.list('uid/group/', undefined, 1_000);
    const second = await one.list('uid/group/', first.at(-1)!.key, 1_000);
    isListed = true;
    await changing;
    expect([first.length, second.length]).toEqual([1_000, 500]);
    expect([...first, ...second].map(({ key }) => key)).toEqual(keys.toSorted());
  });

  test('are created again after a removal, by one of several attempts.', async () => {
    await using nodes = await twoNodes();
    for (let n = 0; n < 20; n++) {
      const [revision] = await nodes.groups[0].write([put('a')]);
      await nodes.groups[1].write([{ ...put('a', revision), text: undefined }]);
      const made = await Promise.all(nodes.groups.map((groups, node) => groups.write([put('a', 0, `${node}`)])));
      const winners = made.flatMap(([won], node) => (won === undefined ? [] : [{ node, won }]));
      expect(winners).toHaveLength(1);
      const [record] = await nodes.groups[0].read(['a']);
      expect(record).toMatchObject({ text: `${winners[0]!.node}`, revision: winners[0]!.won });
      await nodes.groups[0].write([{ ...put('a', record!.revision), text: undefined }]);
    }
  });

  test('are removed when a node starts, if the node that removed their namespace ended before it had removed them.', async () => {
    const store: Store = await stores.open(options);
    await using opened = await OpenedStore.over(store, options.pokes);
    const { namespace } = await opened.create('other');
    const key = `${namespace.uid}/group/a`;
    await store.groups!.write([put(key)]);
    await using outsider = await Outsider.connect(stores.cluster.servers);
    const removed = { log: namespace.log, reached: null, uid: namespace.uid };
    await outsider.put(stores.prefixOf(store), 'namespace.other', JSON.stringify({ removed }));
    const again = await stores.again(store);
    expect(await again.groups!.read([key])).toEqual([undefined]);
    await again.close();
  });
});

describeWithNats('A deleted bucket of groups in JetStream', () => {
  const own = ownServer();

  /** Opens a store that adds to this list when groups are lost. */
  function open(path: string, warnings: object[]): Promise<NatsStore> {
    const warn = (parts: object, text: string) => {
      if (text.includes('groups was deleted')) warnings.push(parts);
    };
    return NatsStore.open(own.cluster.url(path), { ...options, log: { warn, info: () => {} } as never });
  }

  /** Reads until the bucket exists again. */
  const readAgain = ({ groups }: NatsStore) =>
    expect.poll(() => groups.read(['a']).catch(() => 'failed'), { timeout: 20_000 }).toEqual([undefined]);

  test('is created again by running nodes, only one of which warns.', async () => {
    const warnings: object[] = [];
    const [one, other] = [await open('running', warnings), await open('running', warnings)];
    for (const store of [one, other]) await store.groups.changesSince(undefined);
    await one.groups.write([put('a')]);
    await own.outsider.deleteStream('KV_running-groups');
    for (const store of [one, other]) await readAgain(store);
    expect(warnings).toEqual([{ bucket: 'running-groups' }]);
    expect(await other.groups.write([put('a')])).toEqual([expect.any(Number)]);
    for (const store of [one, other]) await store.close();
  });

  test('is created again by a node that starts, which warns once.', async () => {
    const warnings: object[] = [];
    const before = await open('starting', warnings);
    await before.groups.write([put('a')]);
    await before.close();
    await own.outsider.deleteStream('KV_starting-groups');
    for (let time = 0; time < 2; time++) {
      const store = await open('starting', warnings);
      await readAgain(store);
      await store.close();
    }
    expect(warnings).toEqual([{ bucket: 'starting-groups' }]);
  });
});

/** Replaces a record. */
async function touch(groups: GroupStore, key: string): Promise<void> {
  const [record] = await groups.read([key]);
  await groups.write([put(key, record!.revision)]);
}
