import { randomBytes } from 'node:crypto';
import { connect, type Subscribed } from '../client/client.ts';
import { ConfigError } from '../config-error.ts';
import { ask } from './ask.ts';
import type { Invocation, ServerAddress } from './invocation.ts';
import { Latencies } from './latencies.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Limit for opening the subscriptions and the load together; with {@link restMs} the command takes less than 20 seconds. */
const loadMs = 16_000;
/** Deliveries that arrive later than this after the last append count as missing. */
const restMs = 3_000;
/**
 * Appends and the erasure end at this time after the start. An interrupt does not end them, because messages would
 * remain in the log.
 */
const wholeMs = 30_000;

type Load = {
  readonly subscribers: number;
  readonly publishers: number;
  readonly seconds: number;
  readonly bytes: number;
};

/** `pokewire bench`: puts load on a server for some seconds and reports latencies of appends and deliveries. */
export async function bench(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server } = invocation;
  if (!isLoopback(server.url) && invocation.text('url') === undefined) {
    throw new ConfigError(
      `POKEWIRE_URL names another machine, ${server.url.origin}. Pass it as --url to put load on it.`,
    );
  }
  const load: Load = {
    subscribers: invocation.integer('subscribers', 1, 1_000) ?? 100,
    publishers: invocation.integer('publishers', 1, 64) ?? 4,
    seconds: invocation.integer('seconds', 1, 10) ?? 5,
    bytes: invocation.integer('bytes', 1, 10_000) ?? 100,
  };
  const run = new Run(server, terminal, load);
  try {
    await run.subscribe();
    await run.publish();
  } finally {
    await run.cleanUp();
  }
  const result = run.result;
  await writeText(terminal.stdout, invocation.isSet('json') ? `${JSON.stringify(result)}\n` : textOf(result, server));
  const { missing } = result.deliveries;
  if (missing > 0) throw new CliError(`${missing.toLocaleString('en')} deliveries did not arrive in time.`);
}

/** One run of load in a separate category, with one stream per publisher. */
class Run {
  readonly #server: ServerAddress;
  readonly #terminal: Terminal;
  /** Aborts requests that an interrupt does not end. */
  readonly #patient: Terminal;
  readonly #load: Load;
  readonly #category = `bench${randomBytes(6).toString('hex')}`;
  readonly #appends = new Latencies();
  readonly #deliveries = new Latencies();
  /** Send times by publisher and position. */
  readonly #sentMs: number[][];
  #subscriptions: readonly Subscribed[] = [];
  #isWhole = Promise.withResolvers<void>();
  #due = Number.POSITIVE_INFINITY;
  #elapsedMs = 0;
  /** A publisher failed, which ends the others. */
  #hasFailed = false;
  #memory: readonly (number | undefined)[] = [];

  constructor(server: ServerAddress, terminal: Terminal, load: Load) {
    this.#server = server;
    this.#terminal = terminal;
    this.#patient = { ...terminal, interrupted: AbortSignal.timeout(wholeMs) };
    this.#load = load;
    this.#sentMs = Array.from({ length: load.publishers }, () => []);
  }

  /** Opens all subscriptions; rejects if they are not open in time. */
  async subscribe(): Promise<void> {
    const { url, token } = this.#server;
    const pokewire = connect(url.href, token === '' ? {} : { token });
    const all = Promise.withResolvers<void>();
    const open = new Set<number>();
    let why = '';
    const begin = (_: unknown, number: number) =>
      pokewire.subscribe(
        { category: this.#category },
        {
          onPoke: ({ stream, position }) => this.#arrived(stream, position),
          onReset: () => {},
          onState: (state) => {
            // After the hello, every append is delivered.
            if (state.name === 'catching-up' && open.add(number).size === this.#load.subscribers) all.resolve();
            if (state.name === 'away' || state.name === 'ended') why = state.why?.message ?? why;
          },
        },
      );
    this.#subscriptions = Array.from({ length: this.#load.subscribers }, begin);
    const connectMs = loadMs - this.#load.seconds * 1_000;
    const timer = setTimeout(all.resolve, connectMs);
    this.#terminal.interrupted.addEventListener('abort', () => all.resolve());
    await all.promise;
    clearTimeout(timer);
    this.#terminal.interrupted.throwIfAborted();
    if (open.size === this.#load.subscribers) return;
    throw new CliError(
      `${open.size} of ${this.#load.subscribers} subscriptions were open after ${connectMs / 1_000} s. ${visible(why)}`.trimEnd(),
    );
  }

  /** Runs the publishers, each with one append at a time, then waits for outstanding deliveries. */
  async publish(): Promise<void> {
    const before = await this.#residentBytes();
    const startMs = performance.now();
    const endMs = startMs + this.#load.seconds * 1_000;
    const body = JSON.stringify({ type: 'Benched', data: { text: 'x'.repeat(this.#load.bytes) } });
    const publishers = this.#sentMs.map((sentMs, number) =>
      this.#appendUntil(endMs, this.#streamOf(number), sentMs, body),
    );
    // Also after a failure, because the messages of an append that finishes after the clean-up would remain.
    const [failed] = (await Promise.allSettled(publishers)).filter(({ status }) => status === 'rejected');
    this.#terminal.interrupted.throwIfAborted();
    if (failed?.status === 'rejected') throw failed.reason;
    this.#elapsedMs = performance.now() - startMs;
    this.#due = this.#appends.count * this.#load.subscribers;
    const timer = setTimeout(this.#isWhole.resolve, restMs);
    this.#terminal.interrupted.addEventListener('abort', () => this.#isWhole.resolve());
    if (this.#deliveries.count < this.#due) await this.#isWhole.promise;
    clearTimeout(timer);
    this.#memory = [before, await this.#residentBytes()];
  }

  /** Closes the subscriptions and, if the token has scope admin, erases the messages. */
  async cleanUp(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close();
    const used = this.#sentMs.flatMap((sentMs, number) => (sentMs.length > 0 ? [this.#streamOf(number)] : []));
    try {
      for (const stream of used)
        await ask(this.#server, this.#patient, { method: 'DELETE', path: `streams/${stream}` });
    } catch {
      this.#terminal.stderr.write(`pokewire: The messages of category ${this.#category} could not be erased.\n`);
    }
  }

  get result() {
    const { count } = this.#appends;
    const seconds = this.#elapsedMs / 1_000;
    const [before, after] = this.#memory;
    return {
      ...this.#load,
      appends: { count, perSecond: Math.round(count / seconds), ...this.#appends.quantiles },
      deliveries: {
        count: this.#deliveries.count,
        missing: this.#due - this.#deliveries.count,
        perSecond: Math.round(this.#deliveries.count / seconds),
        ...this.#deliveries.quantiles,
      },
      serverMemoryBytes: before === undefined || after === undefined ? null : { before, after },
    };
  }

  async #appendUntil(endMs: number, stream: string, sentMs: number[], body: string): Promise<void> {
    try {
      while (!this.#hasFailed && !this.#terminal.interrupted.aborted && performance.now() < endMs) {
        const startMs = performance.now();
        sentMs.push(startMs);
        await ask(this.#server, this.#patient, { method: 'POST', path: `streams/${stream}/messages`, body });
        this.#appends.add(performance.now() - startMs);
      }
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  #arrived(stream: string, position: number): void {
    const startMs = this.#sentMs[Number(stream.slice(stream.indexOf('-') + 1))]?.[position];
    if (startMs === undefined) return;
    this.#deliveries.add(performance.now() - startMs);
    if (this.#deliveries.count === this.#due) this.#isWhole.resolve();
  }

  #streamOf(number: number): string {
    return `${this.#category}-${number}`;
  }

  /** Undefined if the token gives no access to `/metrics`. */
  async #residentBytes(): Promise<number | undefined> {
    try {
      const text = await ask(this.#server, this.#terminal, { method: 'GET', path: 'metrics' });
      const bytes = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
      return Number.isNaN(bytes) ? undefined : bytes;
    } catch {
      this.#terminal.interrupted.throwIfAborted();
      return undefined;
    }
  }
}

function textOf(
  { subscribers, publishers, seconds, bytes, appends, deliveries, serverMemoryBytes }: Run['result'],
  { url }: ServerAddress,
): string {
  const times = ({ p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }) => `p50 ${p50Ms} ms, p99 ${p99Ms} ms`;
  const mebibytes = (n: number) => `${(n / 1_048_576).toFixed(0)} MiB`;
  const memory =
    serverMemoryBytes === null
      ? 'the token does not allow /metrics'
      : `${mebibytes(serverMemoryBytes.before)} before, ${mebibytes(serverMemoryBytes.after)} after`;
  return `${url.origin}: ${subscribers} subscribers, ${publishers} publishers, ${bytes} bytes a message, ${seconds} s

appends     ${appends.perSecond.toLocaleString('en')} a second, ${times(appends)}
deliveries  ${deliveries.perSecond.toLocaleString('en')} a second, ${times(deliveries)}, from the append to its poke
memory      ${memory}

This process is a part of what was measured: at its limit, a server does more than is seen here.
`;
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}
