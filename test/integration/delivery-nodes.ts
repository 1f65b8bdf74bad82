import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { MessagePage } from '../../src/store/log.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import type { OpenStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { noLimits } from '../contract/suite.ts';
import { NatsCluster } from '../nats/nats-cluster.ts';
import { positionIn } from '../support/cursors.ts';
import { openHandleOn, openSqlite } from '../support/engines.ts';
import { pokePool } from '../support/fake-messages.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { judgeHeard, type Place } from '../support/stream-verdict.ts';
import { UnreliableStore } from '../support/unreliable-store.ts';

/** Milliseconds until a request that hit an outage is repeated. */
const retryMs = 50;

/** Messages per read. */
const readLimit = 10_000;

/** One node over its store, or two over one storage, each connected to it by an unreliable network. */
export class Nodes implements AsyncDisposable {
  readonly apps: readonly TestApp[];
  readonly stores: readonly UnreliableStore[];
  /** Requests that failed because of an outage or a lost answer. */
  repeats = 0;

  readonly #sound: Store;
  readonly #close: () => Promise<void>;

  private constructor(
    apps: readonly TestApp[],
    sound: Store,
    stores: readonly UnreliableStore[],
    close = async () => {},
  ) {
    this.apps = apps;
    this.stores = stores;
    this.#sound = sound;
    this.#close = close;
  }

  /** One node with a reliable store. */
  static async one(flags: readonly string[]): Promise<Nodes> {
    const app = await startTestApp(flags);
    return new Nodes([app], app.store, []);
  }

  /** Two nodes with unreliable stores. */
  static async two(flags: readonly string[]): Promise<Nodes> {
    const storage = new MemoryStorage();
    const open: OpenStore = async (_url, { pokes }) => new MemoryStore(storage, pokes);
    const { apps, stores } = await startUnreliable(flags, open);
    return new Nodes(apps, new MemoryStore(storage, pokePool()), stores);
  }

  /** The same over a file, which this process opens once. */
  static async twoOverSqlite(flags: readonly string[]): Promise<Nodes> {
    const sqlite = await openSqlite({ pokes: pokePool(), ...noLimits });
    const { apps, stores } = await startUnreliable(flags, openHandleOn(sqlite));
    return new Nodes(apps, sqlite, stores, () => sqlite.close());
  }

  /** The same over a nats-server, with one connection per node. */
  static async twoOverNats(flags: readonly string[]): Promise<Nodes> {
    const cluster = await NatsCluster.start();
    const open: OpenStore = (_url, options) => NatsStore.open(cluster.url('delivery'), options);
    const { apps, stores } = await startUnreliable(flags, open);
    const sound = await open('', { pokes: pokePool(), ...noLimits });
    return new Nodes(apps, sound, stores, async () => {
      await sound.close();
      await cluster[Symbol.asyncDispose]();
    });
  }

  /** Makes one of the stores fail for two seconds, if possible. */
  beginOutage(node: number): void {
    this.stores[node]?.calls.beginOutage();
  }

  /** Appends to one node after another until the messages are known to be stored. */
  async append(first: number, stream: string, messages: readonly object[]): Promise<void> {
    const body = messages.map((message) => ({ id: randomUUID(), ...message }));
    for (let node = first; ; node++) {
      const { status, text } = await this.#app(node).append(stream, body);
      if (status === 201 || (status === 200 && this.stores.length > 0)) return;
      if (status < 500 || this.stores.length === 0) throw new Error(`an append was answered ${status} ${text}`);
      await this.#repeatLater();
    }
  }

  /** Subscribes at a node; retries while it cannot look up the token. */
  async connect(node: number, query: string, lastEventId = ''): Promise<SseClient> {
    for (;;) {
      const headers: Record<string, string> = lastEventId === '' ? {} : { 'last-event-id': lastEventId };
      const client = await SseClient.connect(this.#app(node).port, `/subscribe?${query}`, { headers });
      const isReady = () => client.comments.includes(' ready');
      await client.waitFor(({ isClosed }) => isReady() || isClosed, 'the ready comment');
      if (isReady()) return client;
      if (this.stores.length === 0) throw new Error(`/subscribe?${query} was refused: ${client.bytes}`);
      await this.#repeatLater();
    }
  }

  /** A category's messages and the log's epoch, read from a store that does not fail. */
  async read(category: string): Promise<{ readonly epoch: string; readonly places: Place[] }> {
    const { log: id } = (await this.#sound.namespaces.find('default'))!;
    const filter = { category, group: undefined, correlation: undefined };
    const places: Place[] = [];
    for (let from: number | null = 1; from !== null; ) {
      const page: MessagePage = await this.#sound.log(id).read(filter, from, readLimit);
      for (const { stream, position, globalPosition } of page.messages)
        places.push({ stream, position, globalPosition });
      from = page.next;
    }
    return { epoch: id, places };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const app of this.apps) await app.close();
    await this.#close();
  }

  #app(node: number): TestApp {
    return this.apps[node % this.apps.length]!;
  }

  #repeatLater(): Promise<void> {
    this.repeats++;
    return pause(retryMs);
  }
}

async function startUnreliable(flags: readonly string[], open: OpenStore) {
  const apps: TestApp[] = [];
  const stores: UnreliableStore[] = [];
  const openStore: OpenStore = async (url, options) => {
    const store = new UnreliableStore(await open(url, options), { losesAnswers: 0.05, failedReads: 0.2 });
    stores.push(store);
    return store;
  };
  for (let node = 0; node < 2; node++) apps.push(await startTestApp(flags, { openStore }));
  return { apps, stores };
}

/** A subscriber that may drop its connection and resume with its last id at another node. */
export class Subscriber implements AsyncDisposable {
  readonly query: string;
  readonly wants: (place: Place) => boolean;
  readonly #nodes: Nodes;
  #node: number;
  readonly #connections: { readonly client: SseClient; readonly lastEventId: string; isLeft: boolean }[] = [];

  constructor(nodes: Nodes, node: number, query: string, wants: (place: Place) => boolean) {
    this.query = query;
    this.wants = wants;
    this.#nodes = nodes;
    this.#node = node;
  }

  get client(): SseClient {
    return this.#connections.at(-1)!.client;
  }

  /** Number of heads received. */
  get heads(): number {
    const events = this.#connections.flatMap(({ client }) => client.events);
    return events.filter(({ type }) => type === 'heartbeat').length;
  }

  async connect(): Promise<void> {
    const lastEventId = this.#lastEventId;
    const client = await this.#nodes.connect(this.#node++, this.query, lastEventId);
    this.#connections.push({ client, lastEventId, isLeft: false });
  }

  /** Drops its connection and reconnects. */
  async moveOn(): Promise<void> {
    const connection = this.#connections.at(-1)!;
    if (connection.client.isClosed) throw new Error(`${this.query} was ended by the server`);
    connection.isLeft = true;
    await connection.client[Symbol.asyncDispose]();
    await this.connect();
  }

  /** Resolves when it received its last message. */
  async toldAll(selected: readonly Place[]): Promise<void> {
    const last = selected.at(-1)!.globalPosition;
    const isTold = ({ parser }: SseClient) => (positionIn(parser.lastEventId) ?? 0) >= last;
    await this.client.waitFor(isTold, `the message at ${last} for ${this.query}`);
  }

  /** Throws if one of its connections was ended, or differed from the log. */
  judge(selected: readonly Place[], epoch: string): void {
    for (const [number, { client, lastEventId, isLeft }] of this.#connections.entries()) {
      const name = `connection ${number} of ${this.query}`;
      if (client.isClosed && !isLeft) throw new Error(`${name} was ended by the server`);
      const after = positionIn(lastEventId, epoch) ?? 0;
      const { events, pokes } = client;
      judgeHeard({ name, events, pokes, epoch, selected, named: selected, after, isComplete: !isLeft });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map(({ client }) => client[Symbol.asyncDispose]()));
  }

  get #lastEventId(): string {
    return (
      this.#connections.findLast(({ client }) => client.parser.lastEventId !== '')?.client.parser.lastEventId ?? ''
    );
  }
}
