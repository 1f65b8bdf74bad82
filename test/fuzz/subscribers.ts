import type { Random } from '../support/random.ts';
import { SseClient } from '../support/sse-client.ts';
import { streamTarget, type World } from './requests.ts';
import type { Tally } from './tally.ts';
import { Wire } from './wire.ts';

const openSubscriptions = 40;
const keptCursors = 20;

const lastEventIds = ['', '0', '5', '-1', '1e3', '9007199254740993', 'x', '\xe9', '5-7f9c2ba4e88f', 'null'];
const forwardedFor = [
  '1.2.3.4',
  '::ffff:1.2.3.4',
  '2001:db8::1%eth0',
  '::',
  'unknown',
  '1.2.3.4, , \xe9',
  ':::',
  'x'.repeat(999),
];

type Asked = {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly statuses: readonly number[];
};

/** Subscribers that connect, stall, leave, and return with cursors they received, or with others. */
export class Subscribers {
  readonly #port: number;
  readonly #world: World;
  readonly #auditedToken: string;
  readonly #tally: Tally;
  readonly #open: SseClient[] = [];
  /** Ids received last. */
  readonly #cursors: string[] = [];

  constructor(port: number, world: World, auditedToken: string, tally: Tally) {
    this.#port = port;
    this.#world = world;
    this.#auditedToken = auditedToken;
    this.#tally = tally;
  }

  /** Adds one; beyond a limit, removes another. */
  async add(random: Random): Promise<void> {
    const { target, headers, statuses } = random.chance(0.2) ? this.#resuming(random) : await this.#asking(random);
    const client = await SseClient.connect(this.#port, target, { headers });
    const { status } = client.head;
    this.#tally.count('subscribe', 1, [{ status, headers: client.head.headers, body: Buffer.alloc(0) }]);
    if (!statuses.includes(status)) throw new Error(`${status} to ${target} with ${JSON.stringify(headers)}`);
    if (status === 200 && target.startsWith('/subscribe')) {
      // A subscriber that exceeds a limit gets only a reconnection time; one whose log was replaced learns that it is
      // gone.
      const isEnded = () => client.isClosed && (client.retry !== undefined || client.bytes.includes('"log-replaced"'));
      await client.waitFor(() => client.comments.includes(' ready') || isEnded(), `: ready, to ${target}`);
    }
    if (random.chance(0.2)) client.pause();
    this.#open.push(client);
    if (this.#open.length < openSubscriptions) return;
    const [leaving] = this.#open.splice(random.int(0, openSubscriptions - 1), 1);
    await this.#leave(leaving!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#open) await client[Symbol.asyncDispose]();
  }

  async #leave(client: SseClient): Promise<void> {
    const { unknownFields, lastEventId } = client.parser;
    if (client.head.status === 200 && unknownFields.length > 0) {
      throw new Error(`fields that no event stream has: ${unknownFields}`);
    }
    if (lastEventId !== '') this.#cursors.push(lastEventId);
    if (this.#cursors.length > keptCursors) this.#cursors.shift();
    await client[Symbol.asyncDispose]();
  }

  /** A cursor is either understood or unknown, and never a reason to refuse. */
  #resuming(random: Random): Asked {
    const cursor = this.#cursor(random);
    const inQuery = random.chance(0.3) ? `&lastEventId=${encodeURIComponent(cursor)}` : '';
    const selector = random.pick([
      'all=true',
      'category=a',
      'stream=a-1',
      'category=a&size=2',
      'category=a&stream=b-1',
    ]);
    const named = random.pick(['', '&hello=true', '&hello=true&heartbeat=head', '&conflate=true&hello=true']);
    const target = `/subscribe?${selector}${named}${inQuery}&token=${this.#world.tokens.admin}`;
    return { target, headers: inQuery === '' ? { 'Last-Event-ID': cursor } : {}, statuses: [200] };
  }

  async #asking(random: Random): Promise<Asked> {
    const { tokens } = this.#world;
    const ticket = random.chance(0.15) ? await this.#ticket() : undefined;
    const target =
      ticket === undefined
        ? streamTarget(random, this.#world, random.chance(0.3) ? this.#auditedToken : tokens.admin)
        : `/subscribe?category=${random.pick(['a', 'a', 'b'])}&ticket=${ticket}`;
    const headers: Record<string, string> = {};
    if (random.chance(0.2)) headers['Last-Event-ID'] = this.#cursor(random);
    if (random.chance(0.3)) headers['X-Forwarded-For'] = random.pick(forwardedFor);
    return { target, headers, statuses: [200, 400, 401, 403, 429, 503] };
  }

  #cursor(random: Random): string {
    if (random.chance(0.4)) return random.pick(lastEventIds);
    const [position = '0', tag = '7f9c2ba4e88f'] = (this.#cursors.at(-1) ?? '').split('-');
    return random.weighted([
      [4, `${position}-${tag}`],
      [2, `${random.int(0, 2_000)}-${tag}`],
      [1, `${Number.MAX_SAFE_INTEGER}-${tag}`],
      [1, `9007199254740993-${tag}`],
      [1, `-1-${tag}`],
      [1, `0${position}-${tag}`],
      [1, `${position}-${tag.toUpperCase()}`],
      [1, `${position}-${tag.slice(0, random.int(0, 11))}`],
      [1, `${position}-${tag}0`],
      [1, `${position}--${tag}`],
      [1, `${position}-${tag}-${tag}`],
      [1, `${'9'.repeat(40)}-${tag}`],
      [1, `${position}-${'0'.repeat(4_000)}`],
    ]);
  }

  async #ticket(): Promise<string | undefined> {
    const headers = `Host: localhost\r\nAuthorization: Bearer ${this.#world.tokens.admin}\r\nContent-Type: application/json`;
    const body = '{"category":["a"]}';
    const request = `POST /subscribe/ticket HTTP/1.1\r\n${headers}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const wire = new Wire(this.#port);
    const [answer] = await wire.release({ method: 'POST', pieces: [Buffer.from(request)], ending: 'finish' });
    return answer?.status === 201 ? JSON.parse(answer.body.toString()).ticket : undefined;
  }
}
