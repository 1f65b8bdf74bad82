import { setTimeout as delay } from 'node:timers/promises';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { NatsServer } from './nats-server.ts';

const electionMs = 30_000;

/** What the servers of a cluster have in common. */
export type NatsClusterOptions = {
  /** 1: a server alone, which is no cluster. */
  readonly size?: 1 | 3;
  readonly settings?: readonly string[];
  /** Keeps its files where temporary files are: for what is about a disk. In memory when absent. */
  readonly isOnDisk?: boolean;
};

/** Some of the tests' messages have several MiB. */
const largestMessage = 'max_payload: 32MB';

/** One nats-server, or three that are a cluster, on free ports and in a folder of their own. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder, servers: readonly NatsServer[]) {
    this.#folder = folder;
    this.servers = servers;
  }

  /** Starts the servers and resolves when streams can be made. */
  static async start({ size = 1, settings = [], isOnDisk = false }: NatsClusterOptions = {}): Promise<NatsCluster> {
    const folder = isOnDisk ? new TemporaryFolder() : TemporaryFolder.inMemory();
    const names = Array.from({ length: size }, (_value, index) => `nats-${index + 1}`);
    const all = [largestMessage, ...settings];
    const servers = await Promise.all(names.map((name) => NatsServer.prepare({ folder, name, settings: all })));
    const cluster = new NatsCluster(folder, servers);
    if (size > 1) for (const server of servers) server.joinCluster(servers);
    try {
      await Promise.all(servers.map((server) => server.run()));
      if (size > 1) await cluster.metaLeader();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** URL of a store over all servers, with another prefix for each store that is to be empty. */
  url(prefix: string, parameters = ''): string {
    return `nats://${this.servers.map(({ host }) => host).join(',')}/${prefix}${parameters}`;
  }

  /** The server that decides where streams are kept. */
  metaLeader(): Promise<NatsServer> {
    return this.#elected(async (server) => (await server.jetStream()).meta_cluster?.leader);
  }

  /** The server that takes what is written to a stream. */
  leaderOf(stream: string): Promise<NatsServer> {
    return this.#elected(async (server) => {
      const { account_details: accounts = [] } = await server.jetStream();
      const streams = accounts.flatMap(({ stream_detail: streams = [] }) => streams);
      return streams.find(({ name }) => name === stream)?.cluster?.leader;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }

  /** Asks the servers in turn until one that runs is named as leader. */
  async #elected(ask: (server: NatsServer) => Promise<string | undefined>): Promise<NatsServer> {
    const deadline = performance.now() + electionMs;
    while (performance.now() < deadline) {
      for (const server of this.servers) {
        const leader = await ask(server).catch(() => undefined);
        const found = this.servers.find(({ name }) => name === leader);
        if (found !== undefined) return found;
      }
      await delay(100);
    }
    throw new Error('the cluster has elected no leader');
  }
}
