import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A message of the scripted log, and the partition that its stream belongs to. */
export type ScriptedMessage = { readonly stream: string; readonly position: number; readonly partition: number };

/** The report of the handler under test when it starts. */
export type Start = {
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly generation: number;
  readonly attempt: number;
};

/** A request from the worker. */
export type Asked = { readonly route: string; readonly body: Readonly<Record<string, unknown>> };

type Answer = { readonly status: number; readonly body?: object; readonly headers?: Record<string, string> };

/** How long to watch for an action that must not happen, milliseconds. */
const watchMs = 500;

/** One connection of the worker. */
export class GroupConnection {
  readonly query: URLSearchParams;
  readonly #response: ServerResponse;

  constructor(query: URLSearchParams, response: ServerResponse) {
    this.query = query;
    this.#response = response;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(': ready\n\n');
  }

  send(event: string, data: object): void {
    this.#response.write(`event: ${event}\ndata:${JSON.stringify(data)}\n\n`);
  }

  cut(): void {
    this.#response.destroy();
  }
}

/** A scripted server of consumer groups that records what the worker does. */
export class FakeGroupServer {
  readonly log: ScriptedMessage[] = [];
  readonly starts: Start[] = [];
  readonly asked: Asked[] = [];
  readonly connections: GroupConnection[] = [];
  /** The head at each read of the category. */
  readonly readUpTo: number[] = [];
  /** Overrides an answer; undefined: the default one. */
  answer: (asked: Asked) => Promise<Answer | undefined> | Answer | undefined = () => undefined;
  /** Decides when a handler ends and whether it succeeds. */
  handle: (start: Start) => Promise<boolean> | boolean = () => true;
  /** Called for each beat, before it is answered. */
  onBeat: (beat: number) => void = () => {};
  /** Delays reads of the category. */
  beforeRead: () => Promise<void> | void = () => {};
  /** The refusal of connections; undefined: they are accepted. */
  refuse: Answer | undefined = undefined;
  readonly #server: Server;
  readonly #patienceMs: number;

  private constructor(server: Server, patienceMs: number) {
    this.#server = server;
    this.#patienceMs = patienceMs;
  }

  /** `patienceMs` is the time limit for an expected action of the worker. */
  static async open(patienceMs: number): Promise<FakeGroupServer> {
    const server = createServer();
    const fake = new FakeGroupServer(server, patienceMs);
    server.on('request', (request, response) => void fake.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get head(): number {
    return this.log.length;
  }

  /** Appends a message, without a poke. */
  append(stream: string, partition = 0): void {
    const position = this.log.filter((message) => message.stream === stream).length;
    this.log.push({ stream, position, partition });
  }

  /** Request bodies of a route. */
  bodies(route: string): Asked['body'][] {
    return this.asked.filter((asked) => asked.route === route).map(({ body }) => body);
  }

  get lastBeat(): number {
    return Number(this.bodies('beat').at(-1)?.beat ?? 0);
  }

  /** The highest acknowledged position of a partition in a generation. */
  acked(partition: number, generation: number): number {
    const acks = ['ack', 'release', 'leave'].flatMap((route) =>
      this.bodies(route).flatMap((body) => (body.acks ?? body.releases) as unknown as Record<string, number>[]),
    );
    const own = acks.filter((ack) => ack.partition === partition && ack.generation === generation);
    return Math.max(-1, ...own.map(({ position }) => position!));
  }

  /** Waits until the worker has performed the required action. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    const endAtMs = performance.now() + this.#patienceMs;
    while (!isSo()) {
      if (performance.now() > endAtMs) throw new Error(`The worker did not: ${what}`);
      await pause(5);
    }
  }

  /** Fails if the worker performs a forbidden action. */
  async never(what: string, isSo: () => boolean, ms = watchMs): Promise<void> {
    const endAtMs = performance.now() + ms;
    while (performance.now() < endAtMs) {
      if (isSo()) throw new Error(`The worker did: ${what}`);
      await pause(5);
    }
  }

  /** The connection with this number, counted from 1. */
  async connection(count: number): Promise<GroupConnection> {
    await this.until(`connect for the ${count}. time`, () => this.connections.length >= count);
    return this.connections[count - 1]!;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    const [room, , last] = url.pathname.split('/').slice(1);
    if (room === 'subscribe') {
      if (this.refuse !== undefined) return reply(response, this.refuse);
      this.connections.push(new GroupConnection(url.searchParams, response));
    } else if (room === 'categories' || room === 'streams') {
      if (room === 'categories') await this.beforeRead();
      reply(response, { status: 200, body: this.#page(url) });
      if (room === 'categories') this.readUpTo.push(this.head);
    } else {
      let text = '';
      for await (const piece of request) text += piece;
      const body = JSON.parse(text);
      if (room === 'handled') {
        this.starts.push(body);
        reply(response, { status: (await this.handle(body)) ? 204 : 500, body: {} });
      } else {
        const asked = { route: last!, body };
        this.asked.push(asked);
        if (last === 'beat') this.onBeat(this.lastBeat);
        reply(response, (await this.answer(asked)) ?? usual(asked));
      }
    }
  }

  #page(url: URL): object[] {
    const [room, name] = url.pathname.split('/').slice(1);
    const number = (field: string, otherwise: number) => Number(url.searchParams.get(field) ?? otherwise);
    const all = this.log.map((message, at) => ({ ...messageOf(message), globalPosition: at + 1 }));
    const asked =
      room === 'streams'
        ? all.filter(
            ({ stream, position }) => stream === decodeURIComponent(name!) && position >= number('position', 0),
          )
        : all.filter(
            ({ partition, globalPosition }) =>
              partition === number('consumer', 0) && globalPosition >= number('position', 1),
          );
    return asked.slice(0, number('batchSize', 1_000));
  }
}

function messageOf({ stream, position, partition }: ScriptedMessage) {
  const [type, time, id] = ['Counted', '2026-01-01T00:00:00Z', '00000000-0000-4000-8000-000000000000'];
  return { id, stream, type, position, data: {}, metadata: null, time, partition };
}

function usual({ route, body }: Asked): Answer {
  if (route === 'ack') return { status: 200, body: { acked: body.acks, fenced: [] } };
  if (route === 'hold') return { status: 200, body: { held: true } };
  if (route === 'settle') return { status: 200, body: { held: false } };
  return route === 'beat' || route === 'leave' ? { status: 204 } : { status: 200, body: {} };
}

function reply(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(status === 204 ? undefined : JSON.stringify(body ?? {}));
}
