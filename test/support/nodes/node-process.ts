import { setTimeout as delay } from 'node:timers/promises';
import { Exposition } from '../exposition.ts';
import { SpokenProcess } from '../spoken-process.ts';

/** Options of a node. */
export type NodeOptions = {
  /** URL of its store. */
  readonly store: string;
  readonly flags?: readonly string[];
  /** Work tree of the program; absent: this one. */
  readonly root?: string | undefined;
  /** Called if the process ends unexpectedly; `how` has its last log lines. */
  readonly crashed?: (how: string) => void;
};

const lastLines = 20;

/** One of several servers over one store in a separate process that can be restarted. Close it by `await using`. */
export class NodeProcess implements AsyncDisposable {
  readonly #options: NodeOptions;
  #process: SpokenProcess;
  #port: number;
  /** Processes ended on purpose. */
  readonly #ending = new WeakSet<SpokenProcess>();

  static async start(options: NodeOptions): Promise<NodeProcess> {
    const { process, port } = await run(options, 0);
    return new NodeProcess(options, process, port);
  }

  private constructor(options: NodeOptions, process: SpokenProcess, port: number) {
    this.#options = options;
    this.#process = process;
    this.#port = port;
    this.#watch(process);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends it by this signal; resolves to its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#ending.add(this.#process);
    this.#process.kill(signal);
    return this.#process.exit;
  }

  /** Freezes it; the returned function resumes it. */
  async freeze(): Promise<() => void> {
    this.signal('SIGSTOP');
    return () => this.signal('SIGCONT');
  }

  /** Restarts it on the same port. */
  async run(): Promise<void> {
    const { process, port } = await run(this.#options, this.#port);
    this.#process = process;
    this.#port = port;
    this.#watch(process);
  }

  /** Value of one of its metrics. */
  async metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number> {
    const response = await fetch(`${this.url}/metrics`);
    return new Exposition(await response.text()).value(name, labels);
  }

  /** Status of `/ready`; 0: no answer. */
  async readiness(): Promise<number> {
    const asked = fetch(`${this.url}/ready`, { signal: AbortSignal.timeout(5_000) });
    return asked.then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => 0,
    );
  }

  /** Resolves when `/ready` answers with this status. */
  async untilReady(status = 200): Promise<void> {
    while ((await this.readiness()) !== status) await delay(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.add(this.#process);
    await this.#process[Symbol.asyncDispose]();
  }

  #watch(process: SpokenProcess): void {
    void process.exit.then((code) => {
      if (this.#ending.has(process)) return;
      const [output, errors] = [process.stdout, process.stderr].map((text) =>
        text.trimEnd().split('\n').slice(-lastLines).join('\n'),
      );
      this.#options.crashed?.(`it ended with ${code ?? 'a signal'}:\n${output}\n${errors}`);
    });
  }
}

async function run({ store, flags = [], root }: NodeOptions, port: number) {
  const env = { POKEWIRE_HOST: '127.0.0.1', POKEWIRE_PORT: String(port), POKEWIRE_STORE: store };
  const process = new SpokenProcess(flags, env, { root });
  try {
    return { process, port: Number((await process.listening()).port) };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}
