import { expect, test } from 'vitest';
import { OpenedStore } from '../contract/opened-store.ts';
import { noLimits } from '../contract/suite.ts';
import { everything, newMessages, pokePool, selectionOf } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsStores } from './nats-stores.ts';

async function openWith(stores: NatsStores, parameters: string): Promise<OpenedStore> {
  const pokes = pokePool();
  return OpenedStore.over(await stores.open({ pokes, ...noLimits }, parameters), pokes);
}

describeWithNats('What JetStream itself removes', () => {
  test('is reported as forgotten: bounds and pages have the range, and reads begin after it.', async () => {
    await using stores = await NatsStores.start();
    await using opened = await openWith(stores, '?maxMessages=5');
    for (let count = 0; count < 10; count++) await opened.append(`a-${count % 2}`);
    expect(await opened.log.bounds()).toMatchObject({ head: 10, forgottenUpTo: 5 });
    for (const selection of [everything, selectionOf({ categories: ['a'] })]) {
      const page = await opened.log.pokes(selection, 2, 100);
      expect([page.pokes.length, page.forgottenUpTo, page.atEnd]).toEqual([5, 5, true]);
      page.release();
    }
    expect((await opened.messages()).map(({ globalPosition }) => globalPosition)).toEqual([6, 7, 8, 9, 10]);
    expect((await opened.stream('a-0')).map(({ position }) => position)).toEqual([3, 4]);
    expect(await opened.log.version('a-0')).toBe(4);
  });

  test('is detected while a log is read page by page.', async () => {
    await using stores = await NatsStores.start();
    await using opened = await openWith(stores, '?maxMessages=100');
    await opened.appendMany('a-1', 100);
    const first = await opened.log.pokes(everything, 0, 10);
    expect([first.pokes.length, first.upTo, first.forgottenUpTo]).toEqual([10, 10, 0]);
    first.release();
    await opened.appendMany('b-1', 90);
    const next = await opened.log.pokes(everything, first.upTo, 10);
    expect([next.pokes[0]!.globalPosition, next.forgottenUpTo]).toEqual([91, 90]);
    next.release();
  });

  test('makes a stream without messages start over, above the head.', async () => {
    await using stores = await NatsStores.start();
    await using opened = await openWith(stores, '?maxMessages=2');
    await opened.append('a-1', 2);
    await opened.append('b-1', 2);
    expect(await opened.log.version('a-1')).toBe(-1);
    const outcome = await opened.log.append('a-1', newMessages(1), -1);
    expect(outcome).toEqual({ outcome: 'appended', position: 0, globalPosition: 5 });
  });

  test('is not applied without a limit: a full log refuses appends.', async () => {
    await using stores = await NatsStores.start({
      settings: [
        'accounts { A { jetstream { max_file: 60000 }, users: [ { user: u, password: p } ] } }',
        'no_auth_user: u',
      ],
    });
    await using opened = await openWith(stores, '');
    let outcome = await opened.log.append('a-1', newMessages(100), undefined);
    for (let count = 0; count < 50 && outcome.outcome === 'appended'; count++) {
      outcome = await opened.log.append('a-1', newMessages(100), undefined);
    }
    expect(outcome).toMatchObject({ outcome: 'full', limit: 'disk' });
    expect((await opened.messages()).length).toBeGreaterThan(99);
  });
});
