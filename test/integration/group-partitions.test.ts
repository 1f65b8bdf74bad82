import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameText } from '../support/arbitraries.ts';
import { startTestApp } from '../support/start-app.ts';
import { GroupWorker } from './group-worker.ts';

const sizes = Array.from({ length: 17 }, (_value, index) => index + 1);

/** Names of all shapes, the same in every run. */
const ids = fc.sample(nameText, { numRuns: 100, seed: 1 });
const streams = [...new Set(['account', 'account-', 'account-+1', 'account-1-2', ...ids.map((id) => `account-${id}`)])];

type Poke = { readonly partition: number; readonly stream: string; readonly globalPosition: number };

test('A partition receives pokes of exactly the streams that a member of a static group of the same size reads, for sizes 1 to 17.', async () => {
  await using app = await startTestApp();
  await using closing = new AsyncDisposableStack();
  const workers = await Promise.all(
    sizes.map(async (size) => {
      const worker = await GroupWorker.join(app, `of-${size}`, 'worker', `&size=${size}`);
      closing.use(worker.client);
      await worker.wait('assigned', size);
      return { size, worker };
    }),
  );
  let owned = 0;
  for (const stream of streams) {
    expect(await app.append(stream, { type: 'Opened', data: {} })).toMatchObject({ status: 201 });
    // Only the last message of a burst is poked.
    if (stream.includes('-')) owned++;
    await Promise.all(workers.map(({ worker }) => worker.wait('poke', owned)));
  }
  for (const { size, worker } of workers) {
    const pokes = worker.told<Poke>('poke');
    expect(pokes).toHaveLength(owned);
    for (let partition = 0; partition < size; partition++) {
      const { body } = await app.get(`/categories/account/messages?consumer=${partition}&size=${size}&batchSize=1000`);
      const read = body.map((message: Poke) => message.stream);
      expect(pokes.filter((poke) => poke.partition === partition).map(({ stream }) => stream)).toEqual(read);
    }
  }
});
