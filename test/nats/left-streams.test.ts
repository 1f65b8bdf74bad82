import { expect, test } from 'vitest';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import type { StoreReporter } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { noLimits } from '../contract/suite.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { HeldWay } from './held-way.ts';
import { ownServer } from './own-server.ts';

const shop = { id: 'shop', uid: '1', description: '', createdAtMs: 1, tokens: [] };
const eventually = { interval: 5, timeout: 20_000 };

/** More messages than any of the actions sends to the server. */
const mostSteps = 40;

function open(url: string, log?: StoreReporter): Promise<NatsStore> {
  return NatsStore.open(url, { pokes: pokePool(), ...noLimits, log });
}

async function append(store: Store, count: number): Promise<number> {
  const log = store.log((await store.namespaces.find(shop.id))!.log);
  await log.append('a-1', newMessages(count), undefined);
  return (await log.bounds()).head;
}

async function remove(store: Store) {
  return store.namespaces.remove((await store.namespaces.find(shop.id))!);
}

describeWithNats('Streams of logs in JetStream', () => {
  const own = ownServer();

  /**
   * Repeats an action over a path that is held before one message after another, until the action needs fewer messages.
   */
  async function atEachStep(
    name: string,
    prepare: (store: Store) => Promise<unknown>,
    act: (store: Store) => Promise<unknown>,
    meanwhile: (url: string, way: HeldWay, acting: Promise<unknown>) => Promise<void>,
  ): Promise<number> {
    for (let step = 0; step < mostSteps; step++) {
      const path = `${name}-${step}`;
      await using way = await HeldWay.to(own.cluster.servers[0]!.port);
      const store = await open(`nats://${way.host}/${path}`);
      await prepare(store);
      // The queries of the store's own start do not count as steps.
      await store.namespaces.deleteLeftStreams();
      way.holdAfter(step);
      const acting = act(store);
      const isHeld = await Promise.race([way.held.then(() => true), acting.then(() => false)]);
      if (isHeld) await meanwhile(own.cluster.url(path), way, acting);
      await store.close();
      if (!isHeld) return step;
    }
    throw new Error('it never ends');
  }

  /** A starting node deletes the leftover streams of a node that died, and keeps the streams of namespaces. */
  async function expectNoneLeft(url: string, way: HeldWay, acting: Promise<unknown>): Promise<void> {
    acting.catch(() => {});
    way.cut();
    const other = await open(url);
    const namespace = await other.namespaces.find(shop.id);
    const prefix = url.slice(url.lastIndexOf('/') + 1);
    const expected = namespace === undefined ? [] : [`${prefix}-${namespace.log}`];
    await expect.poll(() => own.outsider.streamsOf(`${prefix}.>`), eventually).toEqual(expected);
    if (namespace !== undefined) await append(other, 1);
    await other.close();
  }

  test('belong to namespaces only, after a node died at any step of a creation.', async () => {
    const create = (store: Store) => store.namespaces.create(shop);
    expect(await atEachStep('created', async () => {}, create, expectNoneLeft)).toBeGreaterThan(4);
  });

  test('belong to namespaces only, after a node died at any step of a removal, and their positions are not reused.', async () => {
    const prepare = async (store: Store) => {
      await store.namespaces.create(shop);
      await append(store, 3);
    };
    const steps = await atEachStep('removed', prepare, remove, async (url, way, acting) => {
      await expectNoneLeft(url, way, acting);
      const other = await open(url);
      if ((await other.namespaces.find(shop.id)) !== undefined) await remove(other);
      await other.namespaces.create({ ...shop, uid: '2' });
      expect(await append(other, 1)).toBeGreaterThan(4);
      await other.close();
    });
    expect(steps).toBeGreaterThan(8);
  });

  test('are not missing if another node starts at any step of a creation.', async () => {
    const create = (store: Store) => store.namespaces.create(shop);
    await atEachStep(
      'raced',
      async () => {},
      create,
      async (url, way, acting) => {
        const other = await open(url);
        await other.namespaces.deleteLeftStreams();
        way.release();
        expect(await acting).toMatchObject({ outcome: 'created' });
        expect(await append(other, 1)).toBe(1);
        const prefix = url.slice(url.lastIndexOf('/') + 1);
        await expect.poll(() => own.outsider.streamsOf(`${prefix}.>`), eventually).toHaveLength(1);
        await other.close();
      },
    );
  });

  test('are counted without those of other programs that have subjects with the same prefix.', async () => {
    const store = await open(own.cluster.url('counted'));
    await store.namespaces.create(shop);
    await append(store, 3);
    await own.outsider.createStream('counted-by-others', 'counted.by-others.>');
    await own.outsider.publish('counted.by-others.a', '{}');
    expect(await store.usage()).toMatchObject({ messages: 3, streams: 1 });
    await store.close();
  });

  test('with messages are kept if the bucket of namespaces is gone, and listed in a warning; so are those of other programs.', async () => {
    const url = own.cluster.url('kept');
    const store = await open(url);
    await store.namespaces.create(shop);
    await append(store, 3);
    const { log } = (await store.namespaces.find(shop.id))!;
    await store.close();
    await own.outsider.deleteStream('KV_kept');
    await own.outsider.createStream('kept-by-others', 'kept.by-others.>');

    const warnings: object[] = [];
    const reporter = { warn: (parts: object, text: string) => warnings.push({ ...parts, text }), info: () => {} };
    const again = await open(url, reporter as never);
    const text = 'JetStream streams with messages belong to no namespace';
    await expect.poll(() => warnings, eventually).toEqual([{ count: 1, streams: [`kept-${log}`], text }]);
    expect(await own.outsider.streamsOf('kept.>')).toEqual([`kept-${log}`, 'kept-by-others'].toSorted());
    expect((await again.log(log).bounds()).head).toBe(3);
    await again.close();
  });
});
