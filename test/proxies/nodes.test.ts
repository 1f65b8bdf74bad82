import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { readText } from '../support/monitoring.ts';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { replaced } from './documented.ts';
import { ProxiedClient } from './proxied-client.ts';

const nodeNames = [1, 2, 3].map((number) => `\${NODES}-${number}`);

/** The compose file's configuration, with local nodes instead of names that only Docker resolves. */
function configOf(nodes: readonly TestApp[], port: number): string {
  const addresses = nodeNames.map((name, at) => [`"${name}:8080"`, `127.0.0.1:${nodes[at]!.port}`]);
  return replaced(readText('deploy/haproxy.cfg'), {
    ...Object.fromEntries(addresses),
    ' resolvers docker init-addr libc,none': '',
    '/usr/local/etc/haproxy/away.http': 'away.http',
    'bind ":${PORT}"': `bind 127.0.0.1:${port}`,
    // A machine for tests may not permit that many files.
    'maxconn 20000': 'maxconn 200',
  });
}

describe.skipIf(!hasPostgres || !isInstalled('haproxy'))('Three nodes behind the HAProxy of the compose file', () => {
  let cluster: PostgresCluster;
  let nodes: TestApp[];
  let proxy: RealProxy;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    const flags = ['--store', cluster.url(await cluster.create()), '--drain-ms', '100'];
    nodes = await Promise.all(nodeNames.map(() => startTestApp(flags)));
    proxy = await RealProxy.start('haproxy', {
      config: (port) => configOf(nodes, port),
      files: { 'away.http': replaced(readText('deploy/away.http'), { 'retry: 2000': 'retry: 100' }) },
    });
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    for (const node of nodes ?? []) await node.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  const subscribe = (lastEventId: string) =>
    ProxiedClient.connect(`http://127.0.0.1:${proxy.port}/subscribe?all=true`, {
      headers: { 'last-event-id': lastEventId },
    });

  async function append(): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${proxy.port}/streams/a-1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"Deposited","data":{}}',
    });
    return response.status;
  }

  test('share subscribers, which receive messages appended on any of them, and accept those of a stopping node.', async () => {
    const subscribers = await Promise.all(Array.from({ length: 6 }, () => subscribe('0')));
    for (let n = 0; n < 6; n++) expect(await append()).toBe(201);
    for (const subscriber of subscribers) {
      await subscriber.until(({ events }) => events.length === 6);
      expect(subscriber.pokes.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5]);
    }
    for (const { hub } of nodes) expect(hub.census().some(({ count }) => count > 0)).toBe(true);

    await nodes[0]!.close();
    await Promise.race(subscribers.map(({ ended }) => ended));
    const { id } = subscribers.find(({ isEnded }) => isEnded)!.pokes.at(-1)!;
    await expect.poll(append, { timeout: 30_000 }).toBe(201);
    await using resumed = await subscribe(id);
    await resumed.until(({ events }) => events.length >= 1);
    expect(resumed.pokes[0]).toMatchObject({ position: 6 });
    for (const subscriber of subscribers) await subscriber[Symbol.asyncDispose]();
  });

  test('answer an EventSource so that it reconnects, and others with 503, while none of them is ready.', async () => {
    for (const node of nodes) await node.close();
    await expect.poll(append, { timeout: 30_000 }).toBe(503);
    await using away = await subscribe('0');
    expect(away.status).toBe(200);
    await away.ended;
    expect(away.parser.events).toEqual([]);
  });
});
