import { expect, test } from 'vitest';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

describeWithNats('Three nodes that start at once', () => {
  test('share the bucket that one of them has created, although its leader is still to be elected.', async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    for (const prefix of ['one', 'two', 'three']) {
      const url = cluster.url(prefix);
      const start = async () => {
        const store = await NatsStore.open(url, { pokes: pokePool(), ...noLimits });
        try {
          const namespace = { id: 'default', uid: '1', description: '', createdAtMs: 1, tokens: [] };
          return (await store.namespaces.create(namespace)).outcome;
        } finally {
          await store.close();
        }
      };
      const outcomes = await Promise.all([start(), start(), start()]);
      expect(outcomes.toSorted()).toEqual(['created', 'exists', 'exists']);
    }
  });
});
