import { cpSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

describeWithNats('A server that has lost the last messages of a log', () => {
  test('is reported by a node that had delivered them.', { timeout: 60_000 }, async () => {
    await using cluster = await NatsCluster.start();
    const [server] = cluster.servers;
    const pokes = pokePool();
    const warnings: string[] = [];
    const log = { warn: (_parts: object, text: string) => warnings.push(text), info: () => {} };
    const store = await NatsStore.open(cluster.url('lost'), { pokes, ...noLimits, log: log as never });
    await using opened = await OpenedStore.over(store, pokes);
    await opened.append('a-1', 2);
    await server!.stop();
    const copy = `${server!.storeFolder}-copy`;
    cpSync(server!.storeFolder, copy, { recursive: true });
    await server!.run();

    let told = 0;
    const stop = opened.log.follow((announcement) => {
      if (announcement !== 'wake-up') told = announcement.upTo;
    });
    // The follower starts in the background, and announces only what is appended afterwards.
    let head = 2;
    const appendOne = async () => {
      head = await opened.append('a-1');
      return told;
    };
    await expect.poll(appendOne, { timeout: 20_000 }).toBeGreaterThan(2);
    await expect.poll(() => told, { timeout: 20_000 }).toBe(head);
    await server!.stop('SIGKILL');
    rmSync(server!.storeFolder, { recursive: true });
    cpSync(copy, server!.storeFolder, { recursive: true });
    await server!.run();
    await expect.poll(() => warnings.join(), { timeout: 30_000 }).toMatch(/NATS lost messages that were delivered/);
    stop();
  });
});
