import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { maxTicketsOfNamespace, type TicketRecord } from '../../src/store/ticket-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsStores } from './nats-stores.ts';

const ticket: TicketRecord = { namespaceId: 'shop', uid: 'uid-1', tokenId: 'one', selectionDigest: 'digest' };
const options = { pokes: pokePool(), ...noLimits };

describeWithNats('Tickets in JetStream', () => {
  let stores: NatsStores;
  let one: Store;
  let other: Store;

  beforeAll(async () => {
    stores = await NatsStores.start();
    one = await stores.open(options);
    other = await stores.again(one);
  });
  afterAll(async () => {
    await one?.close();
    await other?.close();
    await stores?.[Symbol.asyncDispose]();
  });

  test('are accepted at any node, with all their fields.', async () => {
    const withoutToken = { ...ticket, tokenId: undefined };
    expect(await one.tickets!.put('a', ticket)).toBeUndefined();
    expect(await one.tickets!.put('b', withoutToken)).toBeUndefined();
    expect(await other.tickets!.take('a')).toEqual(ticket);
    expect(await other.tickets!.take('b')).toEqual(withoutToken);
  });

  test('are accepted once, however many concurrent requests there are.', async () => {
    await one.tickets!.put('once', ticket);
    const taken = await Promise.all(
      Array.from({ length: 16 }, (_value, index) => [one, other][index % 2]!.tickets!.take('once')),
    );
    expect(taken.filter((found) => found !== undefined)).toEqual([ticket]);
    expect(await one.tickets!.take('once')).toBeUndefined();
  });

  test('that were never created are unknown.', async () => {
    expect(await one.tickets!.take('unknown')).toBeUndefined();
  });

  test('are refused beyond the limit of a namespace, and using one allows another.', async () => {
    const many = { ...ticket, uid: 'uid-2' };
    for (let from = 0; from < maxTicketsOfNamespace; from += 100) {
      await Promise.all(Array.from({ length: 100 }, (_value, index) => one.tickets!.put(`many-${from + index}`, many)));
    }
    expect(await other.tickets!.put('too-many', many)).toBeGreaterThan(0);
    expect(await one.tickets!.put('of-another', ticket)).toBeUndefined();
    expect(await one.tickets!.take('many-7')).toEqual(many);
    expect(await other.tickets!.put('room', many)).toBeUndefined();
  });
});
