import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { connect, headers } from '@nats-io/transport-node';
import { NatsCluster } from '../../test/nats/nats-cluster.ts';
import { missingNats, natsProgram } from '../../test/nats/nats-server.ts';
import { type ClosedLoopSettings, measureClosedLoop } from './closed-loop.ts';
import { hurry, loadCore, serverCore } from './machine.ts';
import { readPlainHeaders } from './plain-headers.ts';
import type { Reading } from './results.ts';
import type { Context, Scenario } from './scenario.ts';
import { pokewire, type ServerCores, type Target } from './target.ts';

/** Replication of a log: on one server, or on each of three. */
export type Replicas = 1 | 3;

export const everyReplicas: readonly Replicas[] = [1, 3];

/** The scenario, or one that reports why it is not measured if there is no nats-server. */
export function withNats(scenario: string, measured: Scenario): Scenario {
  if (natsProgram !== undefined) return measured;
  const missing = [{ peer: scenario, why: missingNats }];
  return async () => ({ scenario, settings: {}, series: [], missing, verdicts: [] });
}

/** A nats-server, or a cluster of three, with default settings, on the disk of temporary files. */
export class Nats implements AsyncDisposable {
  readonly #cluster: NatsCluster;
  #stores = 0;

  private constructor(cluster: NatsCluster) {
    this.#cluster = cluster;
  }

  static async start(replicas: Replicas): Promise<Nats> {
    const cluster = await NatsCluster.start({ size: replicas, isOnDisk: true });
    // The servers belong to the runner's session, whose priority was raised as a whole.
    for (const { pid } of cluster.servers) hurry(pid);
    return new Nats(cluster);
  }

  /** URL of a new, empty store. */
  fresh(): string {
    return this.#cluster.url(`load${this.#stores++}`);
  }

  /**
   * Pins the servers to the core of the load, as if they had machines of their own, and lets them preempt the load client, which
   * never sleeps. Where that is not permitted, they share the core of the measured node.
   */
  pin(): void {
    for (const { pid } of this.#cluster.servers) {
      const mayPreempt = spawnSync('chrt', ['-a', '-f', '-p', '1', String(pid)]).status === 0;
      spawnSync('taskset', ['-a', '-c', '-p', String(mayPreempt ? loadCore : serverCore), String(pid)]);
    }
  }

  /** Pokewire over a new store at every start, or over this one. */
  target({ root, profileDir }: Context, name: string, cores: ServerCores, store?: string): Target {
    const plain = pokewire({ name, root, cores, ...(profileDir === undefined ? {} : { profileDir }) });
    const start: Target['start'] = (flags = []) => plain.start(['--store', store ?? this.fresh(), ...flags]);
    return { ...plain, start };
  }

  /** Publishes per second to a new JetStream stream, each acknowledged, with one in flight per connection. */
  async publish(settings: ClosedLoopSettings, payload: string): Promise<Reading> {
    const connection = await connect({ servers: this.#cluster.servers.map(({ host }) => host) });
    const name = `PLAIN${this.#stores++}`;
    const ask = (what: string, body: object) =>
      request(connection, `$JS.API.STREAM.${what}.${name}`, JSON.stringify(body));
    try {
      const replicas = this.#cluster.servers.length;
      await ask('CREATE', { name, subjects: [`${name}.>`], storage: 'file', num_replicas: replicas });
      const publish = (stream: number) => request(connection, `${name}.account.${stream}`, payload);
      await untilTaken(() => publish(0));
      return await measureClosedLoop(settings, (_writer, stream) => publish(stream));
    } finally {
      await ask('DELETE', {}).catch(() => {});
      await connection.close();
    }
  }

  /** Passes `use` a function that reads headers of a category's messages from the newest log, with the client alone. */
  async withPlainHeaders<T>(
    category: string,
    use: (read: (after: number, count: number) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const connection = await connect({ servers: this.#cluster.servers.map(({ host }) => host) });
    try {
      const { name: stream, subjects } = await newestLog(connection, `load${this.#stores - 1}-`);
      const filter = subjects[0]!.replace(/>$/, `${category}.*`);
      return await use((after, count) => readPlainHeaders(connection, { stream, filter, after, count }));
    } finally {
      await connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]();
  }
}

type StreamConfig = { readonly name: string; readonly subjects: readonly string[] };

/** The stream of the log whose name begins with this prefix. */
async function newestLog(connection: NatsConnection, prefix: string): Promise<StreamConfig> {
  const answer = await connection.request('$JS.API.STREAM.LIST', '', { timeout: 5_000 });
  const { streams } = answer.json<{ streams: readonly { readonly config: StreamConfig }[] }>();
  const found = streams.find(({ config }) => config.name.startsWith(prefix));
  if (found === undefined) throw new Error(`no JetStream stream begins with ${prefix}`);
  return found.config;
}

const leaderMs = 10_000;
let ids = 0;

/** Rejects unless JetStream acknowledged the message. */
async function request(connection: NatsConnection, subject: string, payload: string): Promise<void> {
  const values = headers();
  // Pokewire sends this header with every message, too.
  values.set('Nats-Msg-Id', `${process.pid}-${ids++}`);
  const answer = (await connection.request(subject, payload, { timeout: 5_000, headers: values })).json<{
    error?: object;
  }>();
  if (answer.error !== undefined) throw new Error(`JetStream refused ${subject}: ${JSON.stringify(answer.error)}`);
}

/** Resolves when the new stream has elected a leader and accepts messages. */
async function untilTaken(publish: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + leaderMs;
  for (;;) {
    try {
      return await publish();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}
