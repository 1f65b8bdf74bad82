import { expect, test } from 'vitest';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

describeWithNats('The fixture of NATS', () => {
  test('starts a server, which works again after a crash.', async () => {
    await using cluster = await NatsCluster.start();
    const [server] = cluster.servers;
    const { pid } = server!;
    await server!.stop('SIGKILL');
    await server!.run();
    expect(server!.pid).not.toBe(pid);
    expect(cluster.url('a')).toBe(`nats://${server!.host}/a`);
  });

  test('starts three servers as a cluster, which elects another leader when one is gone.', async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    const leader = await cluster.metaLeader();
    await leader.stop('SIGKILL');
    await expect.poll(async () => (await cluster.metaLeader()) === leader, { timeout: 30_000 }).toBe(false);
    await leader.run();
    expect(cluster.servers.map(({ name }) => name)).toContain(leader.name);
  });
});
