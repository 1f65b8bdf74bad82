import { setTimeout as delay } from 'node:timers/promises';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { type NatsPlace, NatsServer, type StreamReport, streamsIn } from './nats-server.ts';

const electionMs = 30_000;

/** Options shared by the servers of a cluster. */
export type NatsClusterOptions = {
  /** 1: a single server without a cluster. */
  readonly size?: 1 | 3;
  readonly settings?: readonly string[];
  /** Stores its files with other temporary files, for tests about the disk. Absent: in memory. */
  readonly isOnDisk?: boolean;
  /** A folder for each of the servers, closed by the caller; absent: one for all. */
  readonly folders?: readonly TemporaryFolder[];
  /** Where each server runs; absent: all on this machine's loopback. */
  readonly places?: readonly NatsPlace[];
};

/** Some test messages have several MiB. */
const largestMessage = 'max_payload: 32MB';

/** One nats-server or a cluster of three, on free ports and in their own folder. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder, servers: readonly NatsServer[]) {
    this.#folder = folder;
    this.servers = servers;
  }

  /** Starts the servers; resolves when streams can be created. */
  static async start({
    size = 1,
    settings = [],
    isOnDisk = false,
    folders = [],
    places = [],
  }: NatsClusterOptions = {}): Promise<NatsCluster> {
    const folder = isOnDisk ? new TemporaryFolder() : TemporaryFolder.inMemory();
    const names = Array.from({ length: size }, (_value, index) => `nats-${index + 1}`);
    const all = [largestMessage, ...settings];
    const servers = await Promise.all(
      names.map((name, index) =>
        NatsServer.prepare({ folder: folders[index] ?? folder, name, settings: all, place: places[index] }),
      ),
    );
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

  /** URL of a store over all servers. Each store that must be empty needs its own prefix. */
  url(prefix: string, parameters = ''): string {
    return `nats://${this.servers.map(({ host }) => host).join(',')}/${prefix}${parameters}`;
  }

  /** The server that places streams. */
  metaLeader(): Promise<NatsServer> {
    return this.#elected(async (server) => (await server.jetStream()).meta_cluster?.leader);
  }

  /** The leader of a stream. */
  leaderOf(stream: string): Promise<NatsServer> {
    return this.#elected(async (server) => {
      const streams = streamsIn(await server.jetStream());
      return streams.find(({ name }) => name === stream)?.cluster?.leader;
    });
  }

  /** The stream of the only log, as reported by its leader; other servers may be slightly behind. */
  async onlyLog(): Promise<StreamReport> {
    return (await this.#ledLog()).log;
  }

  /** The leader of the only log. */
  async logLeader(): Promise<NatsServer> {
    return (await this.#ledLog()).server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }

  async #ledLog(): Promise<{ server: NatsServer; log: StreamReport }> {
    return this.#eventually(async (server) => {
      const logs = streamsIn(await server.jetStream()).filter(({ name }) => !name.startsWith('KV_'));
      if (logs.length > 1) throw new Error(`there are ${logs.length} logs`);
      const log = logs.find(({ cluster }) => cluster === undefined || cluster.leader === server.name);
      return log && { server, log };
    });
  }

  /** Asks one server after another until a running one is named as leader. */
  #elected(ask: (server: NatsServer) => Promise<string | undefined>): Promise<NatsServer> {
    return this.#eventually(async (asked) => {
      const leader = await ask(asked);
      return this.servers.find(({ name }) => name === leader);
    });
  }

  /** Asks one server after another until one of them knows. */
  async #eventually<T>(ask: (server: NatsServer) => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + electionMs;
    let fault: unknown;
    const note = (error: unknown) => {
      fault = error;
      return undefined;
    };
    while (performance.now() < deadline) {
      for (const server of this.servers) {
        const found = await ask(server).catch(note);
        if (found !== undefined) return found;
      }
      await delay(100);
    }
    throw new Error('the cluster has elected no leader', { cause: fault });
  }
}
