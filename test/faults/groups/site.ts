import { Member } from '../../chaos/member.ts';
import { NodeProcess } from '../../support/nodes/node-process.ts';
import type { Random } from '../../support/random.ts';
import { type Background, drawMs } from './background.ts';
import type { GroupStore, StoreWay } from './stores.ts';

type SiteNode = { readonly process: NodeProcess; readonly member: Member; readonly way: StoreWay };

const flags = ['--drain-ms=500', '--retry-min-ms=100', '--retry-max-ms=500'];
const mostAwayMs = 4_000;
const answerMs = 5_000;
const sizes = [2, 3, 4, 6, 8, 12];

type SiteOptions = {
  readonly store: GroupStore;
  readonly background: Background;
  /** Longest time that a node is frozen or cut off from its store, milliseconds. */
  readonly longestMs: number;
  /** A node ended unexpectedly; `how` has its last log lines. */
  readonly crashed: (how: string) => void;
};

/** The nodes over a store, and faults of these nodes. Close it by `await using`. */
export class Site implements AsyncDisposable {
  readonly #nodes: readonly SiteNode[];
  readonly #background: Background;
  readonly #longestMs: number;

  static async start({ store, background, longestMs, crashed }: SiteOptions): Promise<Site> {
    await using closing = new AsyncDisposableStack();
    const nodes: SiteNode[] = [];
    for (const [n, way] of store.ways.entries()) {
      const name = `node-${n + 1}`;
      const ended = (how: string) => {
        crashed(`${name}: ${how}`);
        background.run(() => nodes[n]!.member.revive());
      };
      const process = closing.use(await NodeProcess.start({ store: way.url, flags, crashed: ended }));
      nodes.push({ process, member: new Member(name, process), way });
    }
    closing.move();
    return new Site(nodes, background, Math.min(store.longestMs, longestMs));
  }

  private constructor(nodes: readonly SiteNode[], background: Background, longestMs: number) {
    this.#nodes = nodes;
    this.#background = background;
    this.#longestMs = longestMs;
  }

  get ports(): number[] {
    return this.#nodes.map(({ process }) => process.port);
  }

  get pids(): number[] {
    return this.#nodes.map(({ process }) => process.pid);
  }

  /** A node is killed and started again. */
  crash(random: Random): boolean {
    const node = this.#pick(random);
    const awayMs = random.int(0, mostAwayMs);
    if (node === undefined) return false;
    this.#background.run(async () => {
      await node.member.end();
      await this.#background.pause(awayMs);
      await node.member.revive();
    });
    return true;
  }

  /** Freezes a node. */
  freeze(random: Random): boolean {
    const node = this.#pick(random);
    const ms = drawMs(random, this.#longestMs);
    if (node === undefined) return false;
    this.#background.run(() => node.member.freezeDuring(() => this.#background.pause(ms)));
    return true;
  }

  /** Cuts a node off from its store. */
  cutStore(random: Random): boolean {
    const node = this.#pick(random);
    const ms = drawMs(random, this.#longestMs);
    if (node === undefined) return false;
    this.#background.run(() =>
      node.member.suffer('cut off', async () => {
        node.way.cut();
        await this.#background.pause(ms);
        node.way.mend();
      }),
    );
    return true;
  }

  /** Changes the number of partitions of a group. Returns false if another resize is running. */
  resize(random: Random, groups: readonly string[]): Promise<boolean> {
    const [group, size] = [random.pick(groups), random.pick(sizes)];
    return this.#administer(random, `/groups/${group}/resize`, { size });
  }

  evict(random: Random, members: readonly { readonly group: string; readonly member: string }[]): Promise<boolean> {
    if (members.length === 0) return Promise.resolve(false);
    const { group, member } = random.pick(members);
    return this.#administer(random, `/groups/${group}/evict`, { member });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#nodes) await process[Symbol.asyncDispose]();
  }

  /** One of the working nodes; if there are several, at least one keeps running. */
  #pick(random: Random): SiteNode | undefined {
    const working = this.#nodes.filter(({ member }) => member.state === 'up');
    return working.length <= (this.#nodes.length > 1 ? 1 : 0) ? undefined : random.pick(working);
  }

  async #administer(random: Random, path: string, body: object): Promise<boolean> {
    const { process } = random.pick(this.#nodes);
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(answerMs);
    const init = { method: 'POST', headers, body: JSON.stringify(body), signal };
    return fetch(process.url + path, init).then(
      async (response) => {
        await response.text();
        return response.ok;
      },
      () => false,
    );
  }
}
