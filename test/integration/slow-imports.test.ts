import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import type { ImportSession } from '../../src/store/log.ts';
import type { Namespace } from '../../src/store/namespace-store.ts';
import { FakeStore } from '../support/fake-store.ts';
import { ended, ImportRequest, importBody, records } from '../support/import-client.ts';
import { startTestApp } from '../support/start-app.ts';

const admin = newToken('default');
const bearer = { authorization: `Bearer ${admin}` };

/** A store that delays batches of replacements once `hold` was called. */
class SlowStore extends FakeStore {
  gate: PromiseWithResolvers<void> | undefined = undefined;
  /** Number of waiting batches. */
  waiting = 0;
  /** Number of imports that have ended, successfully or not. */
  ended = 0;

  override async beginReplacement(namespace: Namespace): Promise<ImportSession> {
    const session = await super.beginReplacement(namespace);
    return {
      add: async (messages) => {
        this.waiting++;
        await this.gate?.promise;
        this.waiting--;
        return session.add(messages);
      },
      commit: () => session.commit(),
      abort: async () => {
        await session.abort();
        this.ended++;
      },
    };
  }
}

/** A server whose log is about to be replaced by one message; the store has everything except the commit. */
async function startReplacing() {
  let store: SlowStore | undefined;
  const app = await startTestApp(['--token', admin], {
    openStore: async (_url, options) => {
      store = new SlowStore(options);
      return store;
    },
  });
  await importBody(`${app.url}/import`, records(5), bearer);
  const slow = store!;
  slow.gate = Promise.withResolvers();
  const sending = new ImportRequest(`${app.url}/import?force=true`, bearer);
  sending.answer.catch(() => {});
  sending.request.end(ended(records(1, 9)));
  await expect.poll(() => slow.waiting).toBe(1);
  return {
    app,
    sending,
    /** Lets the store continue; resolves to an export taken after the import. */
    async finish(): Promise<string> {
      slow.gate?.resolve();
      await expect.poll(() => slow.ended).toBe(1);
      return (await fetch(`${app.url}/export`, { headers: bearer })).text();
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

test('A replacement is aborted when its token is revoked while the store processes the last batch.', async () => {
  await using replacing = await startReplacing();
  const { app, sending } = replacing;
  const [transfer] = app.transfers.underWay;
  transfer!.end('revoked');
  expect(await replacing.finish()).toBe(ended(records(5)));
  expect((await sending.answer).events).toMatchObject([{ error: 'AUTH_UNAUTHORIZED' }]);
});

test('A replacement is aborted when the client leaves while the store processes the last batch.', async () => {
  await using replacing = await startReplacing();
  const { app, sending } = replacing;
  sending.request.destroy();
  await expect.poll(() => app.transfers.underWay.size).toBe(0);
  expect(await replacing.finish()).toBe(ended(records(5)));
});

test('A replacement for which the store takes long is completed.', async () => {
  await using replacing = await startReplacing();
  expect(await replacing.finish()).toBe(ended(records(1, 9)));
  expect((await replacing.sending.answer).events).toMatchObject([{ done: true, imported: 1 }]);
});
