import type { MemberLink, MemberSession } from '../../src/groups/member-session.ts';
import type { Random } from '../support/random.ts';
import { type Answer, answerOf, problem } from './client-routes.ts';
import type { ClientWorker } from './client-worker.ts';
import type { SimNode } from './sim-node.ts';
import { joinWithLog } from './sim-worker.ts';
import type { Actor } from './timeline.ts';
import type { World } from './world.ts';

/** One connection of a member. */
type Stream = {
  readonly node: SimNode;
  readonly channel: string;
  epoch: string;
  session: MemberSession | undefined;
  isClosed: boolean;
  /** When the last event arrives. */
  last: number;
  readonly arrived: (text: string | undefined) => void;
};

type Waiting = { readonly node: SimNode; readonly fail: () => void };

/** The network between a member of `pokewire/client` and the nodes: `fetch`, with requests that are late, lost or repeated. */
export class ClientNetwork {
  readonly #world: World;
  readonly #worker: ClientWorker;
  readonly #random: Random;
  readonly #streams = new Set<Stream>();
  readonly #waiting = new Set<Waiting>();
  /** What passes once the network is no longer cut. */
  #stuck: (() => void)[] | undefined = undefined;
  #channels = 0;

  constructor(world: World, worker: ClientWorker, random: Random) {
    this.#world = world;
    this.#worker = worker;
    this.#random = random;
  }

  set isCut(isCut: boolean) {
    if (isCut) this.#stuck ??= [];
    else {
      const stuck = this.#stuck ?? [];
      this.#stuck = undefined;
      for (const pass of stuck) this.#world.time.after(0, undefined, pass);
    }
  }

  /** The process has ended. */
  vanish(): void {
    for (const stream of [...this.#streams]) this.#close(stream, this.#random.chance(0.7));
  }

  /** Breaks all connections. */
  reset(): void {
    for (const stream of [...this.#streams]) {
      this.#close(stream, true);
      this.#end(stream);
    }
    for (const waiting of [...this.#waiting]) if (this.#random.chance(0.7)) waiting.fail();
  }

  /** A node's process ended, with all its connections. */
  lostNode(node: Actor): void {
    for (const stream of [...this.#streams]) if (stream.node === node) this.#end(stream);
    for (const waiting of [...this.#waiting]) if (waiting.node === node) waiting.fail();
  }

  logReplaced(node: SimNode): void {
    for (const stream of [...this.#streams]) {
      if (stream.node === node && stream.session !== undefined && stream.epoch !== node.epoch) this.#endFormer(stream);
    }
  }

  fetch(url: URL, { signal, body }: RequestInit): Promise<Response> {
    const { time } = this.#world;
    const channel = `request ${this.#channels++}`;
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const fail = () => this.#worker.enter(channel, () => reject(new TypeError('fetch failed')));
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => reject(signal.reason));
    const node = this.#world.anyNode();
    if (node === undefined) {
      time.after(this.#random.int(1, 500), undefined, fail);
      return promise;
    }
    const waiting: Waiting = { node, fail };
    this.#waiting.add(waiting);
    const settle = (done: () => void) => {
      if (!this.#waiting.delete(waiting)) return;
      this.#worker.enter(channel, done);
    };
    void promise.catch(() => {}).then(() => this.#waiting.delete(waiting));
    const answer = (answered: Answer | undefined) => {
      const arrive = () => settle(() => (answered === undefined ? fail() : resolve(responseOf(answered))));
      if (this.#random.chance(0.03)) this.#world.count('lost answers');
      else if (this.#random.chance(0.02)) time.after(1, undefined, () => this.#pass(fail));
      else time.after(this.#lateness(), undefined, () => this.#pass(arrive));
    };
    if (url.pathname === '/subscribe') {
      this.#subscribe(node, url.searchParams, channel, signal!, resolve, answer);
      return promise;
    }
    if (this.#random.chance(0.02)) return promise;
    this.#pass(() =>
      time.after(this.#lateness(), node, () => {
        answerOf(this.#world, node, url, body as string | undefined).then(answer, () =>
          answer({ status: 503, body: {} }),
        );
      }),
    );
    return promise;
  }

  /** Requests may arrive after the client has sent them again. */
  #lateness(): number {
    const random = this.#random;
    if (random.chance(0.9)) return random.int(1, 40);
    return random.chance(0.9) ? random.int(40, 1_500) : random.int(1_500, 25_000);
  }

  #pass(run: () => void): void {
    if (this.#stuck === undefined) run();
    else this.#stuck.push(run);
  }

  #subscribe(
    node: SimNode,
    query: URLSearchParams,
    channel: string,
    signal: AbortSignal,
    opened: (response: Response) => void,
    refused: (answer: Answer) => void,
  ): void {
    const { time } = this.#world;
    const chunks: (Uint8Array | undefined)[] = [];
    let wake: (() => void) | undefined;
    const reader = {
      read: async () => {
        while (chunks.length === 0) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        signal.throwIfAborted();
        const value = chunks.shift();
        return { done: value === undefined, value };
      },
    };
    const response = {
      ok: true,
      status: 200,
      headers: { get: () => 'text/event-stream' },
      body: { getReader: () => reader },
    } as unknown as Response;
    const arrived = (text: string | undefined) => {
      opened(response);
      chunks.push(text === undefined ? undefined : new TextEncoder().encode(text));
      wake?.();
    };
    const stream: Stream = { node, channel, epoch: '', session: undefined, isClosed: false, last: 0, arrived };
    this.#streams.add(stream);
    signal.addEventListener('abort', () => {
      this.#close(stream, true);
      wake?.();
    });
    const session = query.get('session') ?? undefined;
    const joining = {
      member: query.get('member')!,
      session,
      attempt: Number(query.get('attempt') ?? 1),
      address: undefined,
      link: this.#linkOf(stream),
    };
    this.#pass(() =>
      time.after(this.#lateness(), node, () => {
        stream.epoch = node.epoch;
        void joinWithLog(node, { ...joining, epoch: node.epoch }).then(
          (outcome) => {
            if (outcome.outcome !== 'joined') {
              const isLater = outcome.outcome === 'taken' || outcome.outcome === 'old-attempt';
              refused(isLater ? problem(409, 'MEMBER_TAKEN') : problem(503, 'NOT_READY'));
              return;
            }
            stream.session = outcome.session;
            if (stream.isClosed) node.node.disconnected(outcome.session);
            else if (stream.epoch !== node.epoch) this.#endFormer(stream);
          },
          () => refused({ status: 503, body: {} }),
        );
      }),
    );
  }

  /** A connection's event stream, which preserves order. */
  #linkOf(stream: Stream): MemberLink {
    return {
      send: ({ event, data }) => {
        if (!stream.isClosed) this.#push(stream, `event: ${event}\ndata:${JSON.stringify(data)}\n\n`);
      },
      end: (code) => {
        if (stream.isClosed) return;
        this.#push(stream, `event: end\ndata:${JSON.stringify({ code })}\n\n`);
        this.#push(stream, undefined);
      },
    };
  }

  #push(stream: Stream, text: string | undefined): void {
    const { time } = this.#world;
    const random = this.#random;
    const ms = random.chance(0.95) ? random.int(1, 60) : random.int(60, 6_000);
    stream.last = Math.max(time.now + ms, stream.last);
    time.at(stream.last, undefined, () =>
      this.#pass(() => {
        if (!stream.isClosed) this.#worker.enter(stream.channel, () => stream.arrived(text));
      }),
    );
  }

  /** The node closes the connection. */
  #end(stream: Stream): void {
    this.#pass(() => this.#worker.enter(stream.channel, () => stream.arrived(undefined)));
    this.#streams.delete(stream);
  }

  #endFormer(stream: Stream): void {
    stream.node.node.disconnected(stream.session!);
    this.#push(stream, undefined);
  }

  /** The process closes the connection; sometimes no node notices. */
  #close(stream: Stream, isNoticed: boolean): void {
    const { time } = this.#world;
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.#streams.delete(stream);
    if (!isNoticed) return;
    this.#pass(() =>
      time.after(this.#random.int(1, 300), stream.node, () => {
        if (stream.session !== undefined) stream.node.node.disconnected(stream.session);
      }),
    );
  }
}

function responseOf({ status, body }: Answer): Response {
  if (status < 300) {
    const copied = structuredClone(body);
    return { ok: true, status, headers: new Headers(), json: async () => copied } as unknown as Response;
  }
  return new Response(JSON.stringify(body), { status });
}
