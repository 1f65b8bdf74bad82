import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { StreamName } from '../../src/message/stream-name.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import type { PostgresCluster } from './postgres-cluster.ts';

const writersPerNode = 4;
const groupSize = 2;
/** A message whose storage was not confirmed by this time never is. */
const deadlineMs = 60_000;

type Row = { id: string; stream: string; position: string; globalPosition: string };

/** Answers to a writer. A failed attempt may have stored the message, so it is repeated, and answered with 200 if it was. */
type Written = {
  readonly id: string;
  readonly stream: string;
  readonly position: number;
  readonly status: number;
  readonly tries: number;
};

/**
 * Two nodes over one database under load. Writers repeat unanswered requests with the same id, like clients;
 * subscribers of three kinds keep their connections from start to end.
 */
export class LoadedNodes implements AsyncDisposable {
  readonly nodes: readonly TestApp[];
  readonly #subscribers: readonly { readonly wants: (stream: string) => boolean; readonly client: SseClient }[];
  readonly #cluster: PostgresCluster;
  readonly #database: string;
  readonly #stop = new AbortController();
  readonly #written: Written[] = [];
  readonly #writing: Promise<unknown>;
  /** Attempts that did not return a message's position. */
  failures = 0;

  private constructor(cluster: PostgresCluster, database: string, nodes: TestApp[], clients: SseClient[]) {
    this.#cluster = cluster;
    this.#database = database;
    this.nodes = nodes;
    const wants = [
      () => true,
      (stream: string) => stream.startsWith('load1-'),
      (stream: string) => stream.startsWith('load0-') && new StreamName(stream).owner(groupSize) === 1,
    ];
    this.#subscribers = clients.map((client, at) => ({ client, wants: wants[at % wants.length]! }));
    const writers = nodes.flatMap((node) => Array.from({ length: writersPerNode }, () => node));
    this.#writing = Promise.all(writers.map((node, number) => this.#write(node, number)));
    // The error is reported when the promise is awaited later.
    this.#writing.catch(() => {});
  }

  /** `second`: URL of the second node's store, which has its own path to the database. */
  static async start(cluster: PostgresCluster, database: string, second = cluster.url(database)): Promise<LoadedNodes> {
    const stores = [cluster.url(database), second];
    const nodes = await Promise.all(stores.map((url) => startTestApp(['--store', url])));
    const paths = ['all=true', 'category=load1', `category=load0&consumer=1&size=${groupSize}`];
    const clients: SseClient[] = [];
    for (const { port } of nodes) {
      for (const path of paths) {
        clients.push(await SseClient.subscribe(port, `/subscribe?${path}`));
      }
    }
    return new LoadedNodes(cluster, database, nodes, clients);
  }

  /** Resolves when this many more messages were answered. */
  async untilWritten(more: number): Promise<void> {
    const goal = this.#written.length + more;
    await expect.poll(() => this.#written.length, { timeout: 30_000, interval: 10 }).toBeGreaterThanOrEqual(goal);
  }

  /** Resolves when these nodes, by default both, answer `/ready` with the status. */
  async untilReady(status: number, nodes = this.nodes): Promise<void> {
    for (const node of nodes) {
      const read = async () => (await node.get('/ready')).status;
      await expect.poll(read, { timeout: 20_000, interval: 50 }).toBe(status);
    }
  }

  /** Stops the writers, and compares their answers and the subscribers' pokes with the table. */
  async expectNothingAmiss(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
    const rows = await this.#rows();
    const stored = new Map(rows.map((row) => [row.id, row]));
    expect(rows.length).toBe(this.#written.length);
    expect(stored.size).toBe(rows.length);
    for (const { id, stream, position, status, tries } of this.#written) {
      if (tries === 1) expect(status).toBe(201);
      expect(stored.get(id)).toMatchObject({ stream, position: String(position) });
    }
    const next = new Map<string, number>();
    for (const { stream, position } of rows) {
      expect(Number(position)).toBe(next.get(stream) ?? 0);
      next.set(stream, Number(position) + 1);
    }
    for (const { wants, client } of this.#subscribers) {
      const places = rows.filter(({ stream }) => wants(stream)).map(placeOf);
      expect(places.length).toBeGreaterThan(0);
      expect((await client.waitForPokes(places.length)).map(placeOf)).toEqual(places);
      expect(client.isClosed).toBe(false);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#writing.catch(() => {});
    for (const { client } of this.#subscribers) await client[Symbol.asyncDispose]();
    for (const node of this.nodes) await node.close();
  }

  async #write(node: TestApp, number: number): Promise<void> {
    for (let n = 0; !this.#stop.signal.aborted; n++) {
      const id = randomUUID();
      const stream = `load${n % 3}-${number % 5}`;
      const untilMs = performance.now() + deadlineMs;
      for (let tries = 1; ; tries++) {
        const { status, body } = await node.append(stream, { id, type: 'Written', data: { n } });
        if (status === 201 || status === 200) {
          this.#written.push({ id, stream, position: body.position, status, tries });
          break;
        }
        this.failures++;
        if (performance.now() > untilMs) throw new Error(`${stream}: ${tries} tries failed, the last with ${status}`);
        await delay(20);
      }
    }
  }

  async #rows(): Promise<Row[]> {
    await using client = await this.#cluster.connect(this.#database);
    const { rows } = await client.query<Row>(
      `SELECT id, stream_name AS stream, position, global_position AS "globalPosition" FROM messages ORDER BY global_position`,
    );
    return rows;
  }
}

function placeOf({
  stream,
  position,
  globalPosition,
}: Omit<Row, 'id'> | Record<keyof Omit<Row, 'id'>, unknown>): string {
  return `${stream}/${position}@${globalPosition}`;
}
