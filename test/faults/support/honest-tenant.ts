import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SseClient } from '../../support/sse-client.ts';

/** Measurements of a well-behaved tenant. Durations are sorted. */
export type Borne = {
  /** Time from an append to its answer. */
  readonly appendMs: readonly number[];
  /** Time from an append to its poke at a subscriber of its stream. */
  readonly pokeMs: readonly number[];
  /** Time from the request for a poke's message to the answer. */
  readonly readMs: readonly number[];
  /** Requests and pokes that were refused, lost, duplicated or out of order. */
  readonly problems: readonly string[];
};

type Options = { readonly port: number; readonly token: string };

const writers = 3;
/** A steady writer rather than a second load. */
const paceMs = 20;

/** Subscribes, appends at a steady rate, and reads what its pokes name, over connections it opened before the attack. */
export class HonestTenant {
  readonly #options: Options;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: writers });
  readonly #appendMs: number[] = [];
  readonly #pokeMs: number[] = [];
  readonly #readMs: number[] = [];
  readonly #problems: string[] = [];
  #isConnected = false;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Subscribes, then works from the start of the attack until the signal. */
  async work(begin: () => Promise<unknown>, signal: () => AbortSignal): Promise<Borne> {
    await using whole = await this.#subscribe('all=true');
    const streams = Array.from({ length: writers }, (_, number) => `order-${number}`);
    const subscribers = await Promise.all(streams.map((stream) => this.#subscribe(`stream=${stream}`)));
    await Promise.all(streams.map((stream) => this.#ask('GET', `/streams/${stream}/messages`)));
    this.#isConnected = true;
    await begin();
    const over = signal();
    const counts = await Promise.all(streams.map((stream, at) => this.#write(stream, subscribers[at]!, over)));
    const appended = counts.reduce((sum, count) => sum + count, 0);
    await whole.waitForPokes(appended);
    const positions = whole.pokes.map(({ globalPosition }) => globalPosition);
    const isWhole = positions.every((position, at) => position === at + 1) && positions.length === appended;
    if (!isWhole) this.#problems.push(`of ${appended} messages ${positions.length} came, or not in order`);
    this.#agent.destroy();
    const sorted = (values: number[]) => values.sort((a, b) => a - b);
    return {
      appendMs: sorted(this.#appendMs),
      pokeMs: sorted(this.#pokeMs),
      readMs: sorted(this.#readMs),
      problems: this.#problems,
    };
  }

  async #write(stream: string, client: SseClient, signal: AbortSignal): Promise<number> {
    await using subscriber = client;
    let appended = 0;
    while (!signal.aborted) {
      const startMs = performance.now();
      const message = '{"type":"Placed","data":{"total":12}}';
      const { status, text } = await this.#ask('POST', `/streams/${stream}/messages`, message);
      this.#appendMs.push(performance.now() - startMs);
      if (status !== 201) this.#problems.push(`an append was answered ${status}: ${text}`);
      else {
        appended++;
        await subscriber.waitForPokes(appended);
        this.#pokeMs.push(performance.now() - startMs);
        await this.#read(stream, appended - 1);
      }
      await sleep(paceMs);
    }
    const positions = subscriber.pokes.map(({ position }) => position);
    if (positions.some((position, at) => position !== at)) this.#problems.push(`${stream} was not told in order`);
    return appended;
  }

  async #read(stream: string, position: number): Promise<void> {
    const startMs = performance.now();
    const { status, text } = await this.#ask('GET', `/streams/${stream}/messages?position=${position}&batchSize=1`);
    this.#readMs.push(performance.now() - startMs);
    if (status !== 200) this.#problems.push(`a read was answered ${status}: ${text}`);
    else if (JSON.parse(text)[0]?.position !== position) this.#problems.push(`message ${position} was read as ${text}`);
  }

  async #subscribe(query: string): Promise<SseClient> {
    const { port, token } = this.#options;
    const headers = { authorization: `Bearer ${token}` };
    const client = await SseClient.subscribe(port, `/subscribe?${query}`, { headers });
    return client;
  }

  #ask(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const { port, token } = this.#options;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: this.#agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }));
      if (this.#isConnected && !asked.reusedSocket) this.#problems.push('a connection was not kept');
    });
    asked.on('error', reject);
    asked.end(body);
    return promise;
  }
}
