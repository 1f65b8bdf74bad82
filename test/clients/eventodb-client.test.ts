import { expect, test } from 'vitest';
import { connectEventoDb, type EventoState } from '../../src/client/eventodb.ts';
import { HostileProxy } from '../support/hostile-proxy.ts';
import { startTestApp } from '../support/start-app.ts';

// Pokewire is compatible with EventoDB. The client for EventoDB ignores whatever Pokewire adds.
const patience = { timeout: 30_000, interval: 10 };
const message = { type: 'Deposited', data: { amount: 100 }, metadata: { by: 'me' } };
const retry = { minMs: 1, maxMs: 5 };

test("The EventoDB client appends and reads with EventoDB's methods.", async () => {
  await using app = await startTestApp();
  const eventodb = connectEventoDb(app.url);
  expect(await eventodb.append('account-1', message, { expectedVersion: -1 })).toEqual({
    position: 0,
    globalPosition: 1,
  });
  await expect(eventodb.append('account-1', message, { expectedVersion: 7 })).rejects.toMatchObject({ status: 409 });
  for (let n = 0; n < 4; n++) await eventodb.append(`account-${n % 2}`, message);
  const ofCategory = [];
  for await (const read of eventodb.read({ category: 'account', batchSize: 2 })) ofCategory.push(read);
  expect(ofCategory.map(({ globalPosition }) => globalPosition)).toEqual([1, 2, 3, 4, 5]);
  expect(ofCategory[0]).toMatchObject({ ...message, stream: 'account-1', position: 0, id: expect.any(String) });
  const ofStream = [];
  for await (const { stream, position } of eventodb.read({ stream: 'account-1', position: 1, batchSize: 1 }))
    ofStream.push(`${stream} ${position}`);
  expect(ofStream).toEqual(['account-1 1', 'account-1 2']);
});

test.each([{ category: 'account' }, { stream: 'account-1' }])(
  'The EventoDB client resumes %j by positions.',
  async (selection) => {
    await using app = await startTestApp(['--retry-min-ms', '1', '--retry-max-ms', '2']);
    const eventodb = connectEventoDb(app.url);
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request < 60 ? { cutAfterBytes: request * 5 } : undefined,
    );
    const pokes: number[] = [];
    const states: EventoState[] = [];
    const subscription = connectEventoDb(proxy.url, { retry }).subscribe(selection, {
      onPoke: ({ globalPosition }) => pokes.push(globalPosition),
      onState: (state) => states.push(state),
    });
    for (let n = 0; n < 10; n++) await eventodb.append('account-1', message);
    await expect.poll(() => pokes, patience).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    subscription.close();
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'CLOSED' });
  },
);

test('The EventoDB client ends on a permanent refusal.', async () => {
  await using app = await startTestApp();
  const ended = Promise.withResolvers<EventoState>();
  connectEventoDb(app.url).subscribe(
    { category: 'account-1' },
    { onState: (state) => state.name === 'ended' && ended.resolve(state) },
  );
  expect(await ended.promise).toMatchObject({ code: 'INVALID_REQUEST' });
});
