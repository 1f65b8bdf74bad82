import type { Entry } from './check.ts';
import type { Random } from './random.ts';
import { type SoakReader, slept } from './reader.ts';
import type { SoakServer } from './server.ts';
import type { Tally } from './tally.ts';
import { longStreams, queryOf, streams, wishes } from './wishes.ts';

export type LifeOptions = {
  readonly server: SoakServer;
  readonly random: Random;
  readonly tally: Tally;
  /** Mean appends per second by all writers of the namespace. */
  readonly rate: number;
  /** Mean connections per second that open only to close, so that leaks add up. */
  readonly churn: number;
  /** Called when all readers are connected. */
  readonly onConnected: () => void;
};

const writers = 3;
const shortMessage = { type: 'Happened', data: { note: 'soak' } };
/** This many messages make a megabyte of frames. */
const fillBatch = 500;
const mostFills = 16;

/** One namespace from creation to deletion, with its writers and readers. */
export class Life {
  readonly #id: string;
  readonly #options: LifeOptions;
  /** The writers' answers, by global position. */
  readonly #answered = new Map<number, Entry>();
  #token = '';

  constructor(id: string, options: LifeOptions) {
    this.#id = id;
    this.#options = options;
  }

  /** Creates it, writes and reads until the signal, compares every connection with the log, and deletes it. */
  async run(readers: readonly SoakReader[], signal: AbortSignal): Promise<void> {
    const { server, tally, onConnected } = this.#options;
    tally.counts.namespaces++;
    this.#token = (await server.administer('ns.create', this.#id)).token;
    const writing = Array.from({ length: writers }, () => this.#write(signal));
    const reading = this.#read(readers, onConnected, signal);
    await Promise.all([...writing, reading, this.#passBy(signal)]);
    const log = await this.#readLog();
    await Promise.all(readers.map((reader) => reader.finish(log)));
    await server.administer('ns.delete', this.#id);
    await Promise.all(readers.map((reader) => reader.see('namespace-deleted')));
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { random, rate } = this.#options;
    // Alternates between quiet and busy, for bursts and silences.
    for (let pace = 1; await slept(random.gapMs((1_000 * writers) / rate / pace), signal); ) {
      if (random.below(50) === 0) pace = random.pick([0.2, 1, 1, 5]);
      const count = random.pick([1, 1, 1, 1, 1, 2, 5, 20, random.below(300) + 1]);
      const stream = random.below(200) === 0 ? random.pick(longStreams) : random.pick(streams);
      await this.#append(stream, count > 20 && random.below(4) > 0 ? 1 : count);
    }
  }

  async #read(readers: readonly SoakReader[], onConnected: () => void, signal: AbortSignal): Promise<void> {
    await Promise.all(readers.map((reader) => reader.begin(this.#id, this.#token)));
    onConnected();
    await Promise.all(readers.map((reader) => reader.live(() => this.#fill(), signal)));
  }

  async #passBy(signal: AbortSignal): Promise<void> {
    const { server, random, tally, churn } = this.#options;
    while (await slept(random.gapMs(1_000 / churn), signal)) {
      const path = `/subscribe?${queryOf(random.pick(wishes))}`;
      const headers = { authorization: `Bearer ${this.#token}` };
      const connection = await server.subscribe({ path, headers, isFromElsewhere: false });
      await (random.below(2) === 0 ? connection.end() : connection.cutAfter(0, 0));
      tally.counts.passersBy++;
    }
  }

  /** Appends long frames until a socket is full. */
  async #fill(): Promise<void> {
    const { server } = this.#options;
    for (let fill = 0; fill < mostFills; fill++) {
      await this.#append(longStreams[0]!, fillBatch);
      if ((await server.metrics())('pokewire_subscriptions', 'state="lagging"') > 0) return;
    }
  }

  async #append(stream: string, count: number): Promise<void> {
    const { server, tally } = this.#options;
    const body = JSON.stringify(count === 1 ? shortMessage : new Array(count).fill(shortMessage));
    const path = `/streams/${encodeURIComponent(stream)}/messages`;
    const { status, text, body: answer } = await server.request(path, { method: 'POST', token: this.#token, body });
    if (status !== 201) return tally.problem(`${this.#id}: an append was answered ${status} ${text}`);
    tally.counts.appends++;
    tally.counts.messages += count;
    for (let before = 0; before < count; before++) {
      const globalPosition = answer.globalPosition - before;
      this.#answered.set(globalPosition, { stream, position: answer.position - before, globalPosition });
    }
  }

  /** The log as exported by the server, which must equal the writers' answers. */
  async #readLog(): Promise<Entry[]> {
    const { server, tally } = this.#options;
    const { text } = await server.request('/export', { token: this.#token });
    const log = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      // An empty export has only an end line.
      .filter(({ id }) => id !== undefined)
      .map(({ stream, pos, gpos }): Entry => ({ stream, position: pos, globalPosition: gpos }));
    const differing = log.find(({ stream, position, globalPosition }) => {
      const known = this.#answered.get(globalPosition);
      return known?.stream !== stream || known.position !== position;
    });
    if (log.length !== this.#answered.size || differing !== undefined) {
      tally.problem(`${this.#id}: the log has ${log.length} messages, ${this.#answered.size} were answered`);
    }
    return log;
  }
}
