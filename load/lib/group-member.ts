import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { EventStreamParser } from '../../src/client/event-stream.ts';

/** A partition in one generation. */
export type Owned = { readonly layout: number; readonly partition: number; readonly generation: number };

/** The group a member joins, and through which node. */
export type Membership = {
  readonly port: number;
  readonly category: string;
  readonly group: string;
  readonly member: string;
  readonly size: number;
};

type Told = { readonly type: string; readonly value: Owned & { readonly session: string } };

const agent = new Agent({ keepAlive: true });
/** Longer than any measured period, milliseconds. */
const patienceMs = 40_000;
/** Pause between attempts to join under a name in use, milliseconds. */
const tryAgainMs = 10;

/** Sends a JSON body and resolves to the answer; rejects if the server refuses. */
export async function post(port: number, path: string, body: object, method = 'POST'): Promise<unknown> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request({ port, path, method, headers, agent }, resolve).on('error', reject).end(text);
  const response = await promise;
  let answer = '';
  for await (const piece of response.setEncoding('utf8')) answer += piece;
  if (response.statusCode! >= 300) throw new Error(`${path} answered ${response.statusCode}: ${answer}`);
  return answer === '' ? undefined : JSON.parse(answer);
}

/** A member whose handlers are always idle: it releases revoked partitions at once. */
export class GroupMember {
  session = '';
  beat = 0;
  readonly owned = new Map<number, Owned>();
  readonly #of: Membership;
  #stream: ClientRequest | undefined;
  readonly #waiting = new Set<(told: Told) => void>();

  private constructor(of: Membership) {
    this.#of = of;
  }

  /** Joins; retries while the name is in use. */
  static async join(of: Membership): Promise<GroupMember> {
    const member = new GroupMember(of);
    for (;;) {
      const status = await member.#connect();
      if (status === 200) return member;
      if (status !== 409) throw new Error(`${of.member} of ${of.group} was answered ${status}`);
      await new Promise((resolve) => setTimeout(resolve, tryAgainMs));
    }
  }

  get port(): number {
    return this.#of.port;
  }

  /** Resolves when an event satisfies the condition. */
  async when(what: string, holds: (told: Told) => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`${this.#of.member} saw no ${what}`)), patienceMs);
    const look = (told: Told) => {
      if (holds(told)) resolve();
    };
    this.#waiting.add(look);
    await promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(look);
    });
  }

  /** Resolves when it owns this many partitions. */
  async owns(count: number): Promise<void> {
    if (this.owned.size !== count) await this.when(`${count} partitions`, () => this.owned.size === count);
  }

  async leave(): Promise<void> {
    await this.post('leave', {});
    this.kill();
  }

  /** Simulates the end of its process. */
  kill(): void {
    this.#stream?.destroy();
    this.owned.clear();
  }

  post(route: string, body: object): Promise<unknown> {
    return post(this.#of.port, `/groups/${this.#of.group}/${route}`, { session: this.session, ...body });
  }

  /** Resolves to the status; for 200, after `joined`. */
  async #connect(): Promise<number> {
    const { port, category, group, member, size } = this.#of;
    const path = `/subscribe?category=${category}&group=${group}&member=${member}&size=${size}`;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const stream = request({ port, path, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        resolve(response.statusCode!);
        return;
      }
      const parser = new EventStreamParser();
      // Emitted when the member is killed.
      response.on('error', () => {});
      response.on('data', (piece: Buffer) => {
        for (const { type, data } of parser.push(piece)) {
          this.#take({ type, value: JSON.parse(data) });
          if (type === 'joined') resolve(200);
        }
      });
    });
    stream.on('error', reject).end();
    this.#stream = stream;
    return promise;
  }

  #take(told: Told): void {
    const { type, value } = told;
    const { layout, partition, generation } = value;
    if (type === 'joined') this.session = value.session;
    else if (type === 'assigned') this.owned.set(partition, { layout, partition, generation });
    else if (type === 'revoke') {
      this.owned.delete(partition);
      void this.post('release', { releases: [{ layout, partition, generation, position: 0 }] });
    }
    for (const look of this.#waiting) look(told);
  }
}
