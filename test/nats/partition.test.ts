import { describe, expect, test } from 'vitest';
import { exportedRows } from '../support/nodes/exported-rows.ts';
import { NodesUnderLoad, startNodes } from '../support/nodes/nodes-under-load.ts';
import { NatsCluster } from './nats-cluster.ts';
import { NatsNetwork } from './nats-network.ts';
import { missingNats, natsProgram } from './nats-server.ts';

const title = 'While the leader of the log is cut off from the other two servers';
const missing =
  natsProgram === undefined ? missingNats : NatsNetwork.isPossible ? undefined : 'network namespaces are not permitted';

describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (${missing})`, () => {
  test('nodes lose, double and reorder nothing, including one that reaches only that server.', {
    timeout: 240_000,
  }, async () => {
    using network = NatsNetwork.lay(3);
    await using cluster = await NatsCluster.start({ size: 3, places: network.machines });
    await using many = await startNodes(2, cluster.url('partition'));
    const leader = await cluster.logLeader();
    const machine = cluster.servers.indexOf(leader);
    await using one = await startNodes(1, `nats://${leader.steadyHost}/partition`);
    const nodes = [...many, ...one];
    await using load = await NodesUnderLoad.start({ nodes });
    await load.untilWritten(200);

    network.pull(machine);
    await one[0]!.untilReady(503);
    await load.untilWritten(200);

    network.mend(machine);
    await leader.untilHealthy();
    await Promise.all(nodes.map((node) => node.untilReady()));
    await load.untilWritten(200);
    await load.expectNothingAmiss(async () => {
      const rows = await exportedRows(one[0]!.url);
      expect(rows.length).toBe((await cluster.onlyLog()).state.messages);
      return rows;
    });
    expect(load.resumed).toBe(0);
  });
});
