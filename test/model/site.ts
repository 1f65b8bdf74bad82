import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { FakeStore } from '../support/fake-store.ts';
import { type Answer as FetchedAnswer, startTestApp, type TestApp } from '../support/start-app.ts';

type Answer = Pick<FetchedAnswer, 'status' | 'text' | 'body'>;

type RequestParts = { readonly method?: string; readonly body?: string; readonly type?: string };

/** How the server of a run is set; a restart keeps it. */
export type SiteSettings = {
  /** Turns of the event loop that each page of the log takes. */
  readonly readTurns: number;
  readonly pagePokes: number;
  readonly heartbeatMs: number;
  readonly pooling: 'on' | 'off';
  readonly bufferPoolMax: number;
};

const adminToken = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** The server of a run, which can be stopped and started again, and the requests that are made to it. */
export class Site implements AsyncDisposable {
  readonly settings: SiteSettings;
  #app: TestApp;
  #store: FakeStore;
  #agent = new Agent({ keepAlive: true });

  private constructor(settings: SiteSettings, { app, store }: Running) {
    this.settings = settings;
    this.#app = app;
    this.#store = store;
  }

  static async open(settings: SiteSettings): Promise<Site> {
    return new Site(settings, await start(settings, 0));
  }

  /** The memory store behind a network, as it were: its announcements and the pages that it reads can be late. */
  get store(): FakeStore {
    return this.#store;
  }

  get port(): number {
    return this.#app.port;
  }

  /** Has the store answer and announce everything that it held back. */
  catchUp(): void {
    this.#store.answerReads();
    this.#store.resumeAnnouncements();
  }

  /** Subscriptions whose sockets are full. */
  get lagging(): number {
    return [...this.#app.hub.subscriptions].filter(({ state }) => state === 'lagging').length;
  }

  /** Whether each subscription hears what happens, so that its end must not cost it anything. */
  get everybodyIsLive(): boolean {
    return [...this.#app.hub.subscriptions].every(({ state }) => state === 'live');
  }

  /** Resolves when the server holds no subscription and nothing of its pools any more, as it must when all have left. */
  async becomesIdle(): Promise<void> {
    const left = () => this.#app.hub.subscriptions.size + this.#leased;
    await expect.poll(left, { timeout: 30_000, interval: 5 }).toBe(0);
  }

  get #leased(): number {
    const { pokes, buffers } = this.#app.pools;
    const ofClasses = [...buffers.classes.values()].map(({ stats }) => stats.leased);
    return ofClasses.reduce((sum, leased) => sum + leased, pokes.stats.leased + buffers.oversizedStats.leased);
  }

  /** Stops the server as SIGTERM does and starts one with an empty log, on the same port or another. */
  async restart(onSamePort: boolean): Promise<void> {
    const { port } = this.#app;
    await this.#app.close();
    // A connection that was kept alive to the old server must not be taken for one to the new. Answers of the old one may
    // still be on their way, so its connections are left to end by themselves.
    this.#agent = new Agent({ keepAlive: true });
    const { app, store } = await start(this.settings, onSamePort ? port : 0);
    this.#app = app;
    this.#store = store;
  }

  request(token: string, path: string, { method = 'GET', body, type }: RequestParts = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, ...(type === undefined ? {} : { 'content-type': type }) };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = httpRequest(`${this.#app.url}${path}`, { method, headers, agent: this.#agent }, (response) => {
      response.on('error', reject);
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode!, text, body: parsed(response, text) }));
    });
    request.on('error', reject);
    request.end(body);
    return promise;
  }

  append(token: string, stream: string, body: unknown, query = ''): Promise<Answer> {
    const path = `/streams/${encodeURIComponent(stream)}/messages${query}`;
    return this.request(token, path, { method: 'POST', body: JSON.stringify(body), type: 'application/json' });
  }

  /** A method of `/rpc` by the operator; throws when it is refused. */
  async administer(...call: unknown[]): Promise<Answer['body']> {
    const { status, body } = await this.request(adminToken, '/rpc', { method: 'POST', body: JSON.stringify(call) });
    if (status !== 200) throw new Error(`${call[0]} was answered ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.catchUp();
    await this.#app.close();
  }
}

type Running = { readonly app: TestApp; readonly store: FakeStore };

async function start(settings: SiteSettings, port: number): Promise<Running> {
  const { readTurns, pagePokes, heartbeatMs, pooling, bufferPoolMax } = settings;
  const flags = [
    `--port=${port}`,
    `--token=${adminToken}`,
    `--heartbeat-ms=${heartbeatMs}`,
    `--pooling=${pooling}`,
    '--buffer-pool-min=0',
    `--buffer-pool-max=${bufferPoolMax}`,
  ];
  const { promise: opened, resolve } = Promise.withResolvers<FakeStore>();
  const openStore = async (options: ConstructorParameters<typeof FakeStore>[0]) => {
    const store = Object.assign(new FakeStore(options), { readTurns, pagePokes });
    resolve(store);
    return store;
  };
  return { app: await startTestApp(flags, { openStore }), store: await opened };
}

function parsed(response: IncomingMessage, text: string): Answer['body'] {
  return response.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined;
}
