import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'vitest';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { OpenStore, StoreOptions } from '../../src/store/open-store.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Engine, openHandleOn } from '../support/engines.ts';
import { FakeStore } from '../support/fake-store.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { type Answer as FetchedAnswer, startTestApp, type TestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { UnreliableStore } from '../support/unreliable-store.ts';
import type { LogBook } from './log-book.ts';

type Answer = Pick<FetchedAnswer, 'status' | 'text' | 'body'>;

type RequestParts = { readonly method?: string; readonly body?: string; readonly type?: string };

/** Settings of a run's server, kept across restarts. */
export type SiteSettings = {
  readonly engine: Engine['name'];
  /** Turns of the event loop for each page of the log. */
  readonly readTurns: number;
  readonly pagePokes: number;
  readonly heartbeatMs: number;
  readonly pooling: 'on' | 'off';
  readonly bufferPoolMax: number;
  /**
   * Seed of a bad network between the subscribed node and the store; another node writes to the same logs. Undefined:
   * one node does both.
   */
  readonly faults: number | undefined;
};

/** Faults of the unreliable store, limited to those that take little time. */
const unreliable = { maxDelayMs: 60, slowReadMs: 3, outageEveryMs: 0, outageMs: 300, hangMs: 100 };

const adminToken = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** A run's server, which can be restarted, and requests to it. */
export class Site implements AsyncDisposable {
  readonly settings: SiteSettings;
  readonly #folder: TemporaryFolder;
  #running: Running;
  #agent = new Agent({ keepAlive: true });

  private constructor(settings: SiteSettings, folder: TemporaryFolder, running: Running) {
    this.settings = settings;
    this.#folder = folder;
    this.#running = running;
  }

  static async open(settings: SiteSettings): Promise<Site> {
    const folder = new TemporaryFolder();
    return new Site(settings, folder, await start(settings, folder, 0));
  }

  /** Whether logs, namespaces and tokens survive a restart. */
  get isDurable(): boolean {
    return this.store.capabilities.durable;
  }

  /** The store with a simulated network, which can delay announcements and pages. */
  get store(): FakeStore {
    return this.#running.store;
  }

  get #app(): TestApp {
    return this.#running.app;
  }

  /** Whether the subscribed node may fail to answer. */
  get isUnreliable(): boolean {
    return this.#running.network !== undefined;
  }

  /** Port of the node that is written to. */
  get writerPort(): number {
    return this.#running.writer.port;
  }

  get port(): number {
    return this.#app.port;
  }

  /** Delivers everything that the store held back. */
  catchUp(): void {
    this.store.answerReads();
    this.store.resumeAnnouncements();
  }

  /** Makes the store fail for a while. */
  beginOutage(): void {
    this.#running.network?.calls.beginOutage();
  }

  /** Ends every fault. */
  mend(): void {
    this.catchUp();
    this.#running.network?.mend();
  }

  /** Number of subscriptions whose sockets are full. */
  get lagging(): number {
    return [...this.#app.hub.subscriptions].filter(({ state }) => state.name === 'lagging').length;
  }

  /** Whether all subscriptions are live, so that their end must not make them lose anything that the node has read. */
  get everybodyIsLive(): boolean {
    return !this.isUnreliable && [...this.#app.hub.subscriptions].every(({ state }) => state.name === 'live');
  }

  /**
   * Whether the node has read this log up to its head, or lacks only announcements that are held back. It may still read
   * a log page by page while the subscriptions are live, for example if messages were appended while it read older ones.
   */
  hasRead({ epoch, head }: LogBook): boolean {
    const ofLog = [...this.#app.hub.subscriptions].filter(({ request }) => request.log === epoch);
    return ofLog.every(({ request, cursor }) => cursor >= head || this.store.holdsAnnouncement(request.log, cursor));
  }

  /**
   * Resolves when the server holds no subscriptions and no pooled objects, as is required once all clients have left.
   */
  async becomesIdle(): Promise<void> {
    const left = () => this.#app.hub.subscriptions.size + this.#leased;
    await expect.poll(left, { timeout: 30_000, interval: 5 }).toBe(0);
  }

  get #leased(): number {
    const { pokes, buffers } = this.#app.pools;
    const ofClasses = [...buffers.classes.values()].map(({ stats }) => stats.leased);
    return ofClasses.reduce((sum, leased) => sum + leased, pokes.stats.leased + buffers.oversizedStats.leased);
  }

  /** Stops the server like SIGTERM and starts one, with what a durable store kept, on the same port or another. */
  async restart(onSamePort: boolean): Promise<void> {
    const { port } = this.#app;
    await this.#running.close();
    // A kept-alive connection to the old server must not be used for the new one. Answers of the old server may be in
    // flight, so its connections are left to end.
    this.#agent = new Agent({ keepAlive: true });
    this.#running = await start(this.settings, this.#folder, onSamePort ? port : 0);
  }

  /** Sends a request to the node that is written to. */
  request(token: string, path: string, parts: RequestParts = {}): Promise<Answer> {
    return this.#ask(this.#running.writer.url, token, path, parts);
  }

  /** Sends a request to the subscribed node. */
  requestReader(token: string, path: string, parts: RequestParts): Promise<Answer> {
    return this.#ask(this.#app.url, token, path, parts);
  }

  #ask(url: string, token: string, path: string, { method = 'GET', body, type }: RequestParts): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}`, ...(type === undefined ? {} : { 'content-type': type }) };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const request = httpRequest(`${url}${path}`, { method, headers, agent: this.#agent }, (response) => {
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

  /** Calls a method of `/rpc` as operator; throws if it is refused. */
  async administer(...call: unknown[]): Promise<Answer['body']> {
    const { status, body } = await this.request(adminToken, '/rpc', { method: 'POST', body: JSON.stringify(call) });
    if (status !== 200) throw new Error(`${call[0]} was answered ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.mend();
    await this.#running.close();
    this.#folder[Symbol.dispose]();
  }
}

type Running = {
  /** The subscribed node, and the one that is written to. */
  readonly app: TestApp;
  readonly writer: TestApp;
  readonly store: FakeStore;
  readonly network: UnreliableStore | undefined;
  readonly close: () => Promise<void>;
};

async function start(settings: SiteSettings, folder: TemporaryFolder, port: number): Promise<Running> {
  const { engine, readTurns, pagePokes, heartbeatMs, pooling, bufferPoolMax, faults } = settings;
  const flags = [
    `--token=${adminToken}`,
    `--heartbeat-ms=${heartbeatMs}`,
    `--pooling=${pooling}`,
    '--buffer-pool-min=0',
    `--buffer-pool-max=${bufferPoolMax}`,
    '--safety-read-ms=200',
  ];
  const handles =
    engine === 'memory' ? memoryHandles() : sqliteHandles(`sqlite:${folder.file('pokewire.db')}?sync=normal`);
  const { promise: opened, resolve } = Promise.withResolvers<Pick<Running, 'store' | 'network'>>();
  const openStore: OpenStore = async (_url, options) => {
    // If each page takes milliseconds, a log must not need hundreds of them.
    const leastPokes = faults === undefined ? 0 : 50;
    const store = Object.assign(new FakeStore({ store: await handles.open(options) }), {
      readTurns,
      pagePokes: Math.max(pagePokes, leastPokes),
    });
    const network = faults === undefined ? undefined : new UnreliableStore(store, { ...unreliable, seed: faults });
    resolve({ store, network });
    return network ?? store;
  };
  const app = await startTestApp([...flags, `--port=${port}`], { openStore });
  const { store, network } = await opened;
  const writer =
    network === undefined ? app : await startTestApp(flags, { openStore: (_url, options) => handles.open(options) });
  const close = async () => {
    await app.close();
    if (writer !== app) await writer.close();
    await handles.close();
  };
  return { app, writer, store, network, close };
}

/** Opens a handle on the single store for each node of a site. */
type Handles = {
  readonly open: (options: StoreOptions) => Promise<Store>;
  readonly close: () => Promise<void>;
};

function memoryHandles(): Handles {
  const storage = new MemoryStorage();
  return { open: async ({ pokes }) => new MemoryStore(storage, pokes), close: async () => {} };
}

/** The pokes belong to the node that opens the first handle, the subscribed one. */
function sqliteHandles(url: string): Handles {
  let shared: Promise<Store> | undefined;
  return {
    open: async (options) => {
      shared ??= SqliteStore.open(url, options, serveHere);
      return openHandleOn(await shared)(url, options);
    },
    close: async () => (await shared)?.close(),
  };
}

function parsed(response: IncomingMessage, text: string): Answer['body'] {
  return response.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined;
}
