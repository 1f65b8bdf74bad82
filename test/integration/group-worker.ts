import { SseClient } from '../support/sse-client.ts';
import type { TestApp } from '../support/start-app.ts';

/** Data of an `assigned` event. */
export type Assigned = {
  readonly partition: number;
  readonly layout: number;
  readonly size: number;
  readonly generation: number;
  readonly position: number;
  readonly held: readonly { readonly stream: string; readonly position: number }[];
};

/** A group member controlled by the test. */
export class GroupWorker {
  readonly client: SseClient;
  readonly #app: TestApp;
  readonly #group: string;

  private constructor(app: TestApp, group: string, client: SseClient) {
    this.#app = app;
    this.#group = group;
    this.client = client;
  }

  static async join(app: TestApp, group: string, member: string, query = '&size=2'): Promise<GroupWorker> {
    const client = await SseClient.connect(
      app.port,
      `/subscribe?category=account&group=${group}&member=${member}${query}`,
    );
    return new GroupWorker(app, group, client);
  }

  /** Data of the events of a type so far. */
  told<T = Record<string, unknown>>(type: string): T[] {
    return this.client.events.filter((event) => event.type === type).map(({ data }) => JSON.parse(data) as T);
  }

  /** Waits for this many events of a type. */
  async wait<T = Record<string, unknown>>(type: string, count = 1): Promise<T[]> {
    await this.client.waitFor(() => this.told(type).length >= count, `${count} of ${type}`);
    return this.told<T>(type);
  }

  get session(): string {
    return this.told<{ session: string }>('joined')[0]!.session;
  }

  async post(path: string, body: object) {
    return post(this.#app, `/groups/${this.#group}/${path}`, { session: this.session, ...body });
  }
}

export async function post(app: TestApp, path: string, body: object, method = 'POST') {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(app.url + path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

/** Identifies a partition in the generation of its assignment. */
export function of({ partition, layout, generation }: Assigned) {
  return { partition, layout, generation };
}
