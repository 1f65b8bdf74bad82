import { maxHeldRequests } from '../../src/http/plumbing/open-connection.ts';
import { Random, type Weighted } from '../support/random.ts';
import type { Route } from '../support/routes.ts';
import type { FuzzRequest } from './framing.ts';
import { type Asked, judge } from './judge.ts';
import { auditedAppend, type Ledger } from './ledger.ts';
import { fuzzRequest, type World, weighRoutes } from './requests.ts';
import type { HttpResponse } from './responses.ts';
import { leakIn, misplacedSecret } from './secrets.ts';
import { Subscribers } from './subscribers.ts';
import { Tally } from './tally.ts';
import { cut, halfRequest, type WildBytes, wildBytes } from './wild.ts';
import { Wire } from './wire.ts';

/** A storm on one server. The seed and a branch number determine everything in it. */
export type StormOptions = {
  readonly port: number;
  readonly world: World;
  readonly seed: number;
  readonly firstBranch: number;
  /** Minimum numbers of valid requests and of wild connections. */
  readonly requests: number;
  readonly ledger: Ledger;
  /** Token of a namespace that receives only audited appends. */
  readonly auditedToken: string;
  /** Tokens that no answer may repeat, and their secret parts. */
  readonly secrets: readonly string[];
  readonly secretParts: readonly string[];
};

const lanes = 16;
/**
 * Incomplete requests keep their connections until the server closes them; they wait in addition to the lanes, and none
 * remain at the end.
 */
const waitingAtMost = 48;
/** More than may wait on one connection. */
const longPipeline = [101, 300] as const;

/** Sends requests of all kinds until there were enough, and judges each answer. */
export class Storm {
  readonly tally: Tally;
  readonly #options: StormOptions;
  readonly #routes: Weighted<Route>;
  readonly #subscribers: Subscribers;
  readonly #waiting = new Set<Promise<void>>();
  #failure: unknown = undefined;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#routes = weighRoutes(options.world.routes);
    this.tally = new Tally(options.firstBranch);
    this.#subscribers = new Subscribers(options.port, options.world, options.auditedToken, this.tally);
  }

  /** Resolves when all connections are closed; throws the first problem. */
  async run(): Promise<Tally> {
    await Promise.all(Array.from({ length: lanes }, () => this.#lane()));
    await Promise.all(this.#waiting);
    await this.#subscribers[Symbol.asyncDispose]();
    if (this.#failure !== undefined) throw this.#failure;
    return this.tally;
  }

  async #lane(): Promise<void> {
    let wire = new Wire(this.#options.port);
    while (this.#failure === undefined && this.tally.requests < this.#options.requests) {
      const branch = this.tally.branch++;
      const random = new Random(this.#options.seed, branch);
      if (wire.isClosed) wire = new Wire(this.#options.port);
      await this.#guard(branch, () => this.#step(random, wire, branch));
    }
    await wire.close();
  }

  async #guard(branch: number, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#failure ??= new Error(`branch ${branch} of seed ${this.#options.seed}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #step(random: Random, wire: Wire, branch: number): Promise<void> {
    return random.weighted<() => Promise<void>>([
      [50, () => this.#orderly(random, wire)],
      [12, () => this.#audited(random, wire)],
      [90, () => this.#wild(random)],
      [20, () => this.#subscribers.add(random)],
      [1, () => this.#pipeline(random)],
      [3, () => this.#misplace(random)],
      [1, () => this.#neglect(random)],
      [0.2, () => this.#clear()],
      [3, () => this.#leaveHalf(random, branch)],
    ])();
  }

  async #orderly(random: Random, wire: Wire): Promise<void> {
    const { world } = this.#options;
    const made = random.times(1, 40, () => fuzzRequest(random, world, this.#routes));
    const requests = made.filter(({ mayClose }) => !mayClose);
    await this.#exchange('orderly', wire, requests, random);
    // A request that closes the connection may cause earlier answers to be lost, so it is sent alone.
    for (const request of made.filter(({ mayClose }) => mayClose)) {
      const own = new Wire(this.#options.port);
      await this.#exchange('closing', own, [request], random);
      await own.close();
    }
  }

  /** Pipelines requests; each must be answered. */
  async #exchange(
    kind: string,
    wire: Wire,
    requests: readonly FuzzRequest[],
    random: Random,
  ): Promise<readonly HttpResponse[]> {
    const startMs = performance.now();
    const answers = await wire.exchange(requests, cut(random, Buffer.concat(requests.map(({ bytes }) => bytes))));
    this.tally.count(kind, requests.length, answers);
    for (const [index, answer] of answers.entries()) this.#check(answer, requests[index]!);
    const isCut = requests.length > maxHeldRequests && answers.at(-1)?.headers.get('connection') === 'close';
    if (answers.length === requests.length || (isCut && answers.length > maxHeldRequests)) return answers;
    const last = requests.slice(0, answers.length + 1).slice(-3);
    const ms = Math.round(performance.now() - startMs);
    const end = answers.at(-1);
    throw new Error(
      `the connection, on which there was ${wire.before}, ended after ${ms} ms behind ${end?.status} (connection: ${end?.headers.get('connection')}), and the last has no answer of ${last.map(({ bytes }) => excerpt(bytes)).join('\n')}`,
    );
  }

  /** Pipelines more requests than may wait: the first ones are answered, and the last answer closes the connection. */
  async #pipeline(random: Random): Promise<void> {
    const { world } = this.#options;
    // The last answer may close the connection.
    const wire = new Wire(this.#options.port);
    const made = random.times(...longPipeline, () => fuzzRequest(random, world, this.#routes));
    await this.#exchange(
      'pipelined',
      wire,
      made.filter(({ mayClose }) => !mayClose),
      random,
    );
    await wire.close();
  }

  async #misplace(random: Random): Promise<void> {
    const { world, secrets } = this.#options;
    const wire = new Wire(this.#options.port);
    const request = misplacedSecret(random, world.tokens.admin, random.pick(secrets));
    await this.#exchange('misplaced', wire, [request], random);
    await wire.close();
  }

  async #audited(random: Random, wire: Wire): Promise<void> {
    const { auditedToken, ledger } = this.#options;
    const appends = random.times(1, 20, () => auditedAppend(random, auditedToken));
    const requests = appends.map(({ request }) => request);
    const answers = await this.#exchange('audited', wire, requests, random);
    for (const [index, answer] of answers.entries()) ledger.note(appends[index]!, answer);
  }

  async #wild(random: Random): Promise<void> {
    await this.#release('wild', wildBytes(random, this.#options.auditedToken, this.#someRequest(random)));
  }

  async #release(kind: string, wild: WildBytes): Promise<void> {
    try {
      const answers = await new Wire(this.#options.port).release(wild);
      this.tally.count(kind, 1, answers);
      for (const answer of answers)
        this.#check(answer, { method: wild.method, id: undefined, route: undefined, host: 'local' });
    } catch (error) {
      throw new Error(`${(error as Error).message}, to ${excerpt(Buffer.concat(wild.pieces))} and ${wild.ending}`);
    }
  }

  async #leaveHalf(random: Random, branch: number): Promise<void> {
    const half = halfRequest(random, this.#someRequest(random));
    const isLate = this.tally.requests > this.#options.requests / 2;
    if (isLate || this.#waiting.size >= waitingAtMost) return this.#release('half', { ...half, ending: 'reset' });
    const waiting = this.#guard(branch, () => this.#release('half', half)).finally(() => this.#waiting.delete(waiting));
    this.#waiting.add(waiting);
  }

  async #neglect(random: Random): Promise<void> {
    const requests = random.times(1, 10, () => fuzzRequest(random, this.#options.world, this.#routes));
    const read = random.pick(['/export', '/categories/audit0/messages?batchSize=-1', '/streams?limit=1000']);
    const headers = `Host: localhost\r\nAuthorization: Bearer ${this.#options.auditedToken}`;
    const reads = `GET ${read} HTTP/1.1\r\n${headers}\r\n\r\n`.repeat(3);
    const bytes = Buffer.concat([Buffer.from(reads), ...requests.map((request) => request.bytes)]);
    await new Wire(this.#options.port).neglect(bytes, random.int(0, 60));
    this.tally.count('neglected', requests.length + 3, []);
  }

  /** Replaces the log of the namespace under attack by an empty one, which makes room in the store. */
  async #clear(): Promise<void> {
    const { port, world } = this.#options;
    const headers = `Host: localhost\r\nAuthorization: Bearer ${world.tokens.admin}\r\nContent-Length: 1\r\nConnection: close`;
    const bytes = Buffer.from(`POST /import?force=true&allowIncomplete=true HTTP/1.1\r\n${headers}\r\n\r\n\n`);
    const [answer] = await new Wire(port).release({ method: 'POST', pieces: [bytes], ending: 'wait' });
    this.tally.count('clear', 1, answer === undefined ? [] : [answer]);
    // Neglected exports may occupy all places.
    if (answer?.status !== 429 && !answer?.body.includes('"done":true'))
      throw new Error(`the log was not replaced: ${answer?.body}`);
  }

  #someRequest(random: Random): Buffer {
    return fuzzRequest(random, this.#options.world, this.#routes).bytes;
  }

  #check(answer: HttpResponse, request: Asked & { readonly bytes?: Buffer }): void {
    const { world, secretParts } = this.#options;
    const problem = judge(answer, request, world.checksHosts) ?? leakIn(answer, secretParts);
    if (problem === undefined) return;
    const asked = request.bytes === undefined ? '' : `, to ${excerpt(request.bytes)}`;
    throw new Error(`${problem}: ${answer.status} ${excerpt(answer.body)}${asked}`);
  }
}

/** Bytes as one line that can be pasted into a test. */
function excerpt(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'));
  return text.length > 2_000 ? `${text.slice(0, 1_500)} … ${text.slice(-400)} (${bytes.length} bytes)` : text;
}
