import { afterAll, describe, test } from 'vitest';
import { describeStore } from '../contract/describe-store.ts';
import { missingNats, natsProgram } from './nats-server.ts';
import { NatsStores } from './nats-stores.ts';

/** The contract of every store, on its own servers. If the program is missing, a skipped test that says so. */
export async function describeNats(title: string, size: 1 | 3): Promise<void> {
  if (natsProgram === undefined) {
    describe.skip(`${title} (${missingNats})`, () => test('keeps logs in JetStream.', () => {}));
    return;
  }
  const stores = await NatsStores.start({ size });
  afterAll(() => stores[Symbol.asyncDispose]());
  const again = (store: Parameters<NatsStores['again']>[0]) => stores.again(store);
  describeStore(title, {
    open: (options) => stores.open(options),
    second: again,
    reopen: again,
    isConcurrent: true,
    races: 10_000,
  });
}
