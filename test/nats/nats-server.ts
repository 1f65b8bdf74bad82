import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';
import { withParent } from '../support/with-parent.ts';

const readyMs = 30_000;
const monitorMs = 1_000;

/** The program: `NATS_SERVER`, or `nats-server` from the path; undefined: not installed. */
export const natsProgram = findProgram();

/** Reason for tests that are skipped without it. */
export const missingNats = 'nats-server is not installed';

/** Where a server runs, if not in this machine's own network. */
export type NatsPlace = {
  /** Command prefix that runs a program there. */
  readonly inside: readonly string[];
  /** Its address for clients and other servers. */
  readonly address: string;
  /** Its address for clients that reach it even when it is cut off, and for its monitoring. */
  readonly steady: string;
};

/** Options of a server. */
export type NatsServerOptions = {
  readonly folder: TemporaryFolder;
  readonly name: string;
  /** Additional lines of its configuration. */
  readonly settings?: readonly string[];
  /** Absent: with JetStream. */
  readonly hasJetStream?: boolean;
  /** Absent: this machine's loopback. */
  readonly place?: NatsPlace | undefined;
};

const loopback: NatsPlace = { inside: [], address: '127.0.0.1', steady: '127.0.0.1' };

/** A nats-server on free ports of 127.0.0.1, which keeps ports and files across restarts. */
export class NatsServer implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly #clusterPort: number;
  readonly #monitorPort: number;
  readonly #options: NatsServerOptions;
  readonly #place: NatsPlace;
  #routes: readonly string[] = [];
  #process: ChildProcess | undefined = undefined;
  #said = '';

  private constructor(options: NatsServerOptions, ports: readonly [number, number, number]) {
    this.name = options.name;
    [this.port, this.#clusterPort, this.#monitorPort] = ports;
    this.#options = options;
    this.#place = options.place ?? loopback;
  }

  /** Chooses its ports without starting it. */
  static async prepare(options: NatsServerOptions): Promise<NatsServer> {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    return new NatsServer(options, ports);
  }

  /** Starts a single server; resolves when it can be used. */
  static async start(options: NatsServerOptions): Promise<NatsServer> {
    const server = await NatsServer.prepare(options);
    await server.run();
    return server;
  }

  /** Host and port, as clients have them in their URL. */
  get host(): string {
    return `${this.#place.address}:${this.port}`;
  }

  /** The same, by the address that works when it is cut off. */
  get steadyHost(): string {
    return `${this.#place.steady}:${this.port}`;
  }

  /** Its address for other servers. */
  get route(): string {
    return `nats://${this.#place.address}:${this.#clusterPort}`;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  /** The folder of its streams. */
  get storeFolder(): string {
    return join(this.#options.folder.path, this.name);
  }

  /** Adds it to a cluster with these others, effective at its next start. */
  joinCluster(members: readonly NatsServer[]): void {
    this.#routes = members.map(({ route }) => route);
  }

  /** Starts it and resolves when it accepts connections; a cluster member may still be looking for the others. */
  async spawn(): Promise<void> {
    const file = this.#options.folder.file(`${this.name}.conf`);
    writeFileSync(file, this.#configuration());
    this.#said = '';
    const [command, ...args] = [...this.#place.inside, natsProgram!, '-c', file];
    const server = spawn(...withParent(command!, args), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = server;
    const ready = Promise.withResolvers<void>();
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-16_384);
      if (this.#said.includes('Server is ready')) ready.resolve();
    });
    server.once('exit', () => ready.reject(new Error(`nats-server did not start: ${this.#said}`)));
    await ready.promise;
  }

  /**
   * Starts it and resolves when its JetStream can be used; if that takes too long, rejects with the reason that the
   * cluster reports.
   */
  async run(): Promise<void> {
    await this.spawn();
    await this.untilHealthy();
  }

  /** Resolves when the server and its replicas of the cluster's streams are up to date. */
  async untilHealthy(): Promise<void> {
    const deadline = performance.now() + readyMs;
    while ((await this.#health()) !== 200) {
      if (performance.now() > deadline) throw new Error(`${this.name} is not healthy: ${this.#said}`);
      await delay(50);
    }
  }

  /** Its monitoring data about JetStream, with every stream. */
  async jetStream(): Promise<JetStreamReport> {
    const answer = await this.#monitor('jsz?accounts=true&streams=true');
    return (await answer.json()) as JetStreamReport;
  }

  /** Freezes all of its threads; the returned function resumes them. */
  freeze(): () => void {
    const { pid } = this;
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Stops it: `SIGTERM` normally, `SIGKILL` like a crash. Its files stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const server = this.#process;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  /** Requests its monitoring, which does not answer while the server is frozen. */
  #monitor(path: string): Promise<Response> {
    return fetch(`http://${this.#place.steady}:${this.#monitorPort}/${path}`, {
      signal: AbortSignal.timeout(monitorMs),
    });
  }

  async #health(): Promise<number> {
    const answer = await this.#monitor('healthz').catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.status ?? 0;
  }

  #configuration(): string {
    const { settings = [], hasJetStream = true } = this.#options;
    const { address, steady } = this.#place;
    const listens = address === steady ? address : '0.0.0.0';
    const lines = [
      `server_name: ${this.name}`,
      `listen: "${listens}:${this.port}"`,
      `client_advertise: "${this.host}"`,
      `http: "${listens}:${this.#monitorPort}"`,
      ...(hasJetStream ? [`jetstream { store_dir: "${this.storeFolder}" }`] : []),
      ...settings,
    ];
    if (this.#routes.length > 0) {
      const routes = this.#routes.map((route) => `"${route}"`).join(', ');
      lines.push(`cluster { name: pokewire, listen: "${address}:${this.#clusterPort}", routes: [${routes}] }`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** The part of the monitoring's `/jsz` in use. */
export type JetStreamReport = {
  readonly meta_cluster?: { readonly leader?: string };
  readonly account_details?: readonly { readonly stream_detail?: readonly StreamReport[] }[];
};

/** A stream as one server has it. */
export type StreamReport = {
  readonly name: string;
  readonly state: { readonly messages: number };
  readonly cluster?: { readonly leader?: string };
};

/** All streams of all accounts. */
export function streamsIn({ account_details: accounts = [] }: JetStreamReport): StreamReport[] {
  return accounts.flatMap(({ stream_detail: streams = [] }) => streams);
}

function findProgram(): string | undefined {
  const { NATS_SERVER, PATH = '' } = process.env;
  const candidates = NATS_SERVER === undefined ? [] : [NATS_SERVER];
  for (const folder of PATH.split(delimiter)) candidates.push(join(folder, 'nats-server'));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
