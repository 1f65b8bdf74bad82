import { connect, type Socket } from 'node:net';

/** Requests and behaviour of the members of a crowd. */
export type CrowdOrder = {
  readonly port: number;
  readonly count: number;
  /** Path and query, without `epoch` and `Last-Event-ID`, which members add when they reconnect. */
  readonly path: string;
  /** The stream of all messages, whose pokes are predictable byte for byte. */
  readonly stream: string;
  /** Maximum number of attempts waiting for their answer. */
  readonly atOnce: number;
  /** Whether a member whose connection ends reconnects after the time in `retry:`. */
  readonly returns: boolean;
};

/** State of the members. */
export type CrowdReport = {
  /** Open connections that received `: ready`. */
  readonly ready: number;
  /** Total connections that received `: ready`. */
  readonly greeted: number;
  /** When each received it, milliseconds since 1970-01-01. */
  readonly greetedAtMs: readonly number[];
  /** Answers other than 200, and attempts without an answer. */
  readonly refused: number;
  /** Fewest and most pokes that a member received. */
  readonly least: number;
  readonly most: number;
  /** Number of `event: end`, by code. */
  readonly ends: Readonly<Record<string, number>>;
  /** Number of `event: reset`, by reason. */
  readonly resets: Readonly<Record<string, number>>;
  /** Epochs in `event: hello`, in order of first appearance. */
  readonly epochs: readonly string[];
  /** Every reconnection time received. */
  readonly retries: readonly number[];
  /** Unexpected data; only the first few. */
  readonly problems: readonly string[];
};

const problemsKept = 5;
/** A hyphen and twelve digits. */
const tagBytes = 13;

let order: CrowdOrder;
const members: Member[] = [];
const problems: string[] = [];
const epochs = new Set<string>();
const ends: Record<string, number> = {};
const resets: Record<string, number> = {};
const retries: number[] = [];
const greetedAtMs: number[] = [];
let refused = 0;

/** The exact block that the server must send for the n-th message. */
function blockOf(n: number): string {
  return `event: poke\ndata: {"stream":"${order.stream}","position":${n - 1},"globalPosition":${n}}\nid: ${n}`;
}

/** One subscriber, which compares each block with the expected one. */
class Member {
  told = 0;
  isReady = false;
  #epoch = '';
  #retryMs = 1_000;
  /** Raw bytes, and lines without chunk framing, not processed yet. */
  #raw = '';
  #text = '';
  #hasHead = false;
  #socket: Socket | undefined = undefined;

  /** Connects. `answered` is called when the greeting has arrived, or will not. */
  connect(answered: () => void = () => {}): void {
    let waiting = true;
    const settle = () => {
      if (waiting) answered();
      waiting = false;
    };
    this.#raw = '';
    this.#text = '';
    this.#hasHead = false;
    const socket = connect({ port: order.port, host: '127.0.0.1' });
    this.#socket = socket;
    const epoch = this.#epoch === '' ? '' : `&epoch=${encodeURIComponent(this.#epoch)}`;
    const resume = this.told === 0 ? '' : `Last-Event-ID: ${this.told}\r\n`;
    socket.write(`GET ${order.path}${epoch} HTTP/1.1\r\nHost: localhost\r\n${resume}\r\n`);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#receive(text);
      if (this.isReady) settle();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (!this.isReady) refused++;
      this.isReady = false;
      settle();
      if (order.returns) setTimeout(() => this.connect(), this.#retryMs);
    });
  }

  /** Drops the connection like a broken network. */
  cut(): void {
    this.#socket?.resetAndDestroy();
  }

  #receive(text: string): void {
    this.#raw += text;
    if (!this.#hasHead) {
      const end = this.#raw.indexOf('\r\n\r\n');
      if (end === -1) return;
      if (!this.#raw.startsWith('HTTP/1.1 200 ')) {
        this.cut();
        return;
      }
      this.#hasHead = true;
      this.#raw = this.#raw.slice(end + 4);
    }
    this.#dechunk();
    let from = 0;
    for (let end = this.#text.indexOf('\n\n'); end !== -1; end = this.#text.indexOf('\n\n', from)) {
      this.#interpret(this.#text.slice(from, end));
      from = end + 2;
    }
    this.#text = this.#text.slice(from);
  }

  #dechunk(): void {
    let at = 0;
    for (let lineEnd = this.#raw.indexOf('\r\n'); lineEnd !== -1; lineEnd = this.#raw.indexOf('\r\n', at)) {
      const start = lineEnd + 2;
      const end = start + Number.parseInt(this.#raw.slice(at, lineEnd), 16);
      if (this.#raw.length < end + 2) break;
      this.#text += this.#raw.slice(start, end);
      at = end + 2;
    }
    this.#raw = this.#raw.slice(at);
  }

  /** A block starts with preceding comments and the reconnection time, which are not followed by a blank line. */
  #interpret(text: string): void {
    const block = text.startsWith('event: ') ? text : this.#strip(text);
    const next = blockOf(this.told + 1);
    // The name of the log follows the position.
    if (block.startsWith(next) && block.length === next.length + tagBytes) this.told++;
    else if (block !== '') this.#take(block);
  }

  /** Removes comments and the reconnection time from a block. */
  #strip(text: string): string {
    return text.replace(/^(?::.*|retry: \d+)(?:\n|$)/gm, (line) => {
      this.#hear(line.trimEnd());
      return '';
    });
  }

  #hear(line: string): void {
    const [, retry] = /^retry: (\d+)$/.exec(line) ?? [];
    if (retry !== undefined) {
      this.#retryMs = Number(retry);
      retries.push(this.#retryMs);
    } else if (line === ': ready') {
      this.isReady = true;
      greetedAtMs.push(performance.timeOrigin + performance.now());
    }
  }

  #take(block: string): void {
    const [, event, data] = /^event: (\w+)\n(?:id: \S+\n)?data: ?(.*)/.exec(block) ?? [];
    if (event === 'hello') {
      this.#epoch = JSON.parse(data!).epoch;
      epochs.add(this.#epoch);
    } else if (event === 'reset') {
      const { reason } = JSON.parse(data!);
      resets[reason] = (resets[reason] ?? 0) + 1;
      this.told = 0;
    } else if (event === 'end') {
      const { code } = JSON.parse(data!);
      ends[code] = (ends[code] ?? 0) + 1;
    } else if (problems.length < problemsKept) {
      problems.push(`behind ${this.told} came ${JSON.stringify(block)}`);
    }
  }
}

function report(): CrowdReport {
  const told = members.map((member) => member.told);
  return {
    ready: members.filter(({ isReady }) => isReady).length,
    greeted: greetedAtMs.length,
    greetedAtMs,
    refused,
    least: told.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    most: told.reduce((a, b) => Math.max(a, b), 0),
    ends,
    resets,
    epochs: [...epochs],
    retries,
    problems,
  };
}

const calls: Record<string, (argument: never) => unknown> = {
  /** Connects all members, several at a time, and resolves when each has been answered. */
  async gather(given: CrowdOrder) {
    order = given;
    const lane = async () => {
      while (members.length < order.count) {
        const member = new Member();
        members.push(member);
        await new Promise<void>((answered) => member.connect(answered));
      }
    };
    await Promise.all(Array.from({ length: order.atOnce }, lane));
  },
  report,
  /** Cuts all connections at once. */
  cut() {
    for (const member of members) member.cut();
  },
};

process.on('message', async ({ call, method, argument }: { call: number; method: string; argument: unknown }) => {
  process.send!({ call, value: await calls[method]!(argument as never) });
});
process.on('disconnect', () => process.exit());
