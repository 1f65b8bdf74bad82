import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';
import { Outsider } from './outsider.ts';

const message = { type: 'T', data: {} };

const typesOf = ({ parser }: SseClient) => parser.events.map(({ type }) => type);

describeWithNats('A log in JetStream', () => {
  test('that somebody deletes ends its subscriptions, and its namespace continues with an empty one.', async () => {
    await using cluster = await NatsCluster.start();
    await using app = await startTestApp([`--store=${cluster.url('deleted')}`]);
    await app.append('a-1', message);
    await using subscriber = await SseClient.connect(app.port, '/subscribe?all=true&hello=true');
    await subscriber.waitFor(() => typesOf(subscriber).includes('hello'), 'the greeting');
    await using outsider = await Outsider.connect(cluster.servers);
    await outsider.deleteStream((await cluster.onlyLog()).name);
    expect((await app.append('a-1', message)).body.error.code).toBe('NAMESPACE_NOT_FOUND');
    await subscriber.waitFor(() => typesOf(subscriber).includes('end'), 'the end');
    expect(subscriber.parser.events.at(-1)!.data).toContain('log-replaced');
    await expect.poll(async () => (await app.append('a-1', message)).body.position, { timeout: 20_000 }).toBe(0);
  });

  test('that somebody purges notifies a subscriber that is behind with a reset, and continues.', async () => {
    await using cluster = await NatsCluster.start();
    await using app = await startTestApp([`--store=${cluster.url('purged')}`]);
    for (let count = 0; count < 3; count++) await app.append('a-1', message);
    await using first = await SseClient.connect(app.port, '/subscribe?category=a');
    await first.waitFor(() => first.pokes.length > 0, 'the first poke');
    await using outsider = await Outsider.connect(cluster.servers);
    await outsider.purge((await cluster.onlyLog()).name);
    expect((await app.append('a-2', message)).body.globalPosition).toBe(4);
    // A node with the pokes in memory still delivers them, although their messages are gone.
    await using other = await startTestApp([`--store=${cluster.url('purged')}`]);
    const headers = { 'last-event-id': first.pokes[0]!.id };
    await using subscriber = await SseClient.connect(other.port, '/subscribe?category=a&hello=true', { headers });
    await subscriber.waitFor(() => subscriber.pokes.length > 0, 'the poke behind the loss');
    expect(subscriber.pokes.map(({ globalPosition }) => globalPosition)).toEqual([4]);
    const reset = subscriber.parser.events.find(({ type }) => type === 'reset');
    expect(JSON.parse(reset!.data)).toMatchObject({ reason: 'forgotten' });
  });
});
