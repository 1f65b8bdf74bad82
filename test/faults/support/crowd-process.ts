import { connect, type Socket } from 'node:net';

/** What the members of a crowd ask for and do. */
export type CrowdOrder = {
  readonly port: number;
  readonly count: number;
  /** Path and query, without `epoch` and `Last-Event-ID`, which members add when they come back. */
  readonly path: string;
  /** The stream that all messages are appended to: its pokes can be foretold, byte for byte. */
  readonly stream: string;
  /** Attempts that may wait for their answer at once. */
  readonly atOnce: number;
  /** Whether a member whose connection ends comes back, after the time that `retry:` told. */
  readonly returns: boolean;
};

/** What became of the members. */
export type CrowdReport = {
  /** Connections on which `: ready` came, and which are open. */
  readonly ready: number;
  /** Connections that came to `: ready`, in all. */
  readonly greeted: number;
  /** Answers other than 200, and attempts that came to none. */
  readonly refused: number;
  /** Pokes that the one with the fewest has been told, and the one with the most. */
  readonly least: number;
  readonly most: number;
  /** How often each code of `event: end` came. */
  readonly ends: Readonly<Record<string, number>>;
  /** How often each reason of `event: reset` came. */
  readonly resets: Readonly<Record<string, number>>;
  /** Epochs told by `event: hello`, in the order in which they were first told. */
  readonly epochs: readonly string[];
  /** Every reconnection time told. */
  readonly retries: readonly number[];
  /** What came and was not to come; only the first few. */
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
let greeted = 0;
let refused = 0;

/** The block of the n-th message, which the server has to send exactly so. */
function blockOf(n: number): string {
  return `event: poke\ndata: {"stream":"${order.stream}","position":${n - 1},"globalPosition":${n}}\nid: ${n}`;
}

/** One subscriber: checks each block against the one that has to come. */
class Member {
  told = 0;
  isReady = false;
  #epoch = '';
  #retryMs = 1_000;
  /** Raw bytes, and lines freed of their framing, that are not yet read. */
  #raw = '';
  #text = '';
  #hasHead = false;
  #socket: Socket | undefined = undefined;

  /** Connects; `answered` is called when the greeting is there, or when it will not come. */
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

  /** Drops the connection as a broken network does. */
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

  /** A block has the comments and the reconnection time before it in front, which have no blank line of their own. */
  #interpret(text: string): void {
    const block = text.startsWith('event: ') ? text : this.#strip(text);
    const next = blockOf(this.told + 1);
    // Behind the position stands the name of the log.
    if (block.startsWith(next) && block.length === next.length + tagBytes) this.told++;
    else if (block !== '') this.#take(block);
  }

  /** Takes comments and the reconnection time off a block. */
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
      greeted++;
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
    greeted,
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
  /** Connects all members, several at once, and resolves when each has been answered. */
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
  /** Cuts every connection at once. */
  cut() {
    for (const member of members) member.cut();
  },
};

process.on('message', async ({ call, method, argument }: { call: number; method: string; argument: unknown }) => {
  process.send!({ call, value: await calls[method]!(argument as never) });
});
process.on('disconnect', () => process.exit());
