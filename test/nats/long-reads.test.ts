import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { everything } from '../../src/message/selection.ts';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

const category = { ...everything, all: false, categories: ['a'] };
const block = 1_000;
const page = 512;

describeWithNats('A long read of a category', () => {
  test('drops the filter where almost all messages are of the category, and needs it again where few are.', async () => {
    await using cluster = await NatsCluster.start();
    const pokes = pokePool();
    const store = await NatsStore.open(cluster.url('long'), { pokes, ...noLimits });
    await using opened = await OpenedStore.over(store, pokes);
    const expected: number[] = [];
    let head = 0;
    const fill = async (stream: string) => {
      await opened.append(stream, block);
      for (let sent = 0; sent < block; sent++) {
        head++;
        if (stream.startsWith('a-')) expected.push(head);
      }
    };
    for (let blocks = 0; blocks < 30; blocks++) await fill(`a-${blocks % 3}`);
    for (let blocks = 0; blocks < 60; blocks++) await fill(blocks % 10 === 0 ? 'a-1' : 'b-1');
    for (let blocks = 0; blocks < 30; blocks++) await fill(`a-${blocks % 3}`);

    const connection = await connect({ servers: cluster.servers.map(({ host }) => host) });
    const hasFilter: boolean[] = [];
    connection.subscribe('$JS.API.CONSUMER.CREATE.>', {
      callback: (_error, message) => {
        const { config } = message.json<{ config: { filter_subjects?: string[] } }>();
        hasFilter.push(config.filter_subjects !== undefined);
      },
    });
    await connection.flush();
    const read: number[] = [];
    for (let after = 0; after < head; ) {
      const { pokes: found, upTo, release } = await opened.log.pokes(category, after, page);
      read.push(...found.map(({ globalPosition }) => globalPosition));
      expect(upTo).toBeGreaterThan(after);
      after = upTo;
      release();
    }
    await connection.close();
    expect(read).toEqual(expected);
    expect(hasFilter).toEqual([true, false, true]);
  });
});
