import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { exportedRows } from '../support/nodes/exported-rows.ts';
import { Ledger } from '../support/nodes/ledger.ts';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import { NodesUnderLoad, startNodes } from '../support/nodes/nodes-under-load.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';
import { Outsider } from './outsider.ts';

const frozenMs = 10_000;

describeWithNats('Three nodes over three nats-servers', () => {
  // Shared by the tests, because servers and nodes need seconds to start, and each test leaves them as they were.
  let site: { readonly cluster: NatsCluster; readonly nodes: NodeProcess[] & AsyncDisposable } | undefined;
  let cluster: NatsCluster;
  let nodes: NodeProcess[];
  let load: NodesUnderLoad;

  beforeEach(async () => {
    const ledger = site === undefined ? new Ledger() : load.ledger;
    site ??= await startSite();
    ({ cluster, nodes } = site);
    load = await NodesUnderLoad.start({ nodes, ledger });
    await load.untilWritten(200);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'pass') return load.end();
    await load?.[Symbol.asyncDispose]();
    await closeSite();
  });
  afterAll(() => closeSite());

  async function startSite() {
    await using opened = new AsyncDisposableStack();
    const cluster = opened.use(await NatsCluster.start({ size: 3 }));
    const nodes = await startNodes(3, cluster.url('outages'));
    opened.move();
    return { cluster, nodes };
  }

  async function closeSite(): Promise<void> {
    await site?.nodes[Symbol.asyncDispose]();
    await site?.cluster[Symbol.asyncDispose]();
    site = undefined;
  }

  /** The log is the same as delivered, by a node's reads and by the server's own count, and all streams stayed open. */
  async function expectNothingAmiss(): Promise<void> {
    await load.untilWritten(200);
    await Promise.all(nodes.map((node) => node.untilReady()));
    await load.expectNothingAmiss(async () => {
      const rows = await exportedRows(nodes[0]!.url);
      expect(rows.length).toBe((await cluster.onlyLog()).state.messages);
      return rows;
    });
    expect(load.resumed).toBe(0);
  }

  test('lose, double and reorder nothing when the leader of the log is killed under load.', async () => {
    const leader = await cluster.logLeader();
    await leader.stop('SIGKILL');
    await load.untilWritten(200);
    await leader.run();
    await expectNothingAmiss();
  });

  test('lose, double and reorder nothing when the leader of the log is frozen for ten seconds.', async () => {
    const leader = await cluster.logLeader();
    const thaw = leader.freeze();
    await Promise.all([delay(frozenMs), load.untilWritten(200)]);
    thaw();
    await leader.untilHealthy();
    await expectNothingAmiss();
  });

  test('lose, double and reorder nothing when the servers are restarted one after another.', async () => {
    for (const server of cluster.servers) {
      await server.stop('SIGTERM');
      await server.run();
      await load.untilWritten(100);
    }
    await expectNothingAmiss();
  });

  test('lose, double and reorder nothing when somebody deletes the consumers that deliver the log.', async () => {
    const { name } = await cluster.onlyLog();
    await using outsider = await Outsider.connect(cluster.servers);
    for (let times = 0; times < 3; times++) {
      // Earlier consumers are recreated after some seconds of silence.
      await expect.poll(() => outsider.deleteConsumers(name), { timeout: 30_000 }).toBeGreaterThan(0);
      await load.untilWritten(200);
    }
    await expectNothingAmiss();
  });

  test('refuse appends with a reason while two of three servers are down, keep all streams open, and continue afterwards.', async () => {
    const gone = cluster.servers.slice(1);
    await Promise.all(gone.map((server) => server.stop('SIGKILL')));
    await Promise.all(nodes.map((node) => node.untilReady(503)));
    const id = randomUUID();
    load.ledger.doubt(id);
    const response = await fetch(`${nodes[0]!.url}/streams/other-1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, type: 'Refused', data: {} }),
    });
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(error.message).toMatch(/NATS|JetStream/);
    await Promise.all(gone.map((server) => server.run()));
    await expectNothingAmiss();
  });
});
