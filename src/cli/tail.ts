import { connect, type Reset, type Selection, type State, type Subscribed } from '../client/client.ts';
import { ConfigError } from '../config-error.ts';
import { RefusedError } from './call.ts';
import type { Invocation, ServerAddress } from './invocation.ts';
import { MessageLines, visible } from './message-lines.ts';
import { MessagePages, type SentMessage } from './message-pages.ts';
import { parseMoment } from './moment.ts';
import { writeText } from './output.ts';
import { parseSelected, type Selected } from './selected.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Default of `--last`, the same as `tail` has for files. */
const defaultLast = 10;

/** Shortest time between two notices that printing has fallen behind the log. */
const behindMs = 5_000;

/** Delay before a failed read is retried while the subscription is open. */
const retryMs = 2_000;

/** `pokewire tail`: prints the last messages, then each new one as it is appended, until interrupted. */
export async function tailMessages(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server, words } = invocation;
  const selected = parseSelected(words[0]!);
  const pages = new MessagePages(server, terminal, selected);
  const lines = new MessageLines(terminal.stdout, invocation.isSet('json'));
  const last = invocation.integer('last', 0, 1_000_000);
  const since = invocation.text('since');
  if (last !== undefined && since !== undefined)
    throw new ConfigError('--last and --since both set the start: use one of them.');
  try {
    const start =
      since === undefined
        ? await pages.startOfLast(last ?? defaultLast)
        : await pages.startSince(parseMoment('since', since, 'ago'));
    const tail = new Tail(terminal, pages, (page) => writeText(terminal.stdout, lines.textOf(page)), start);
    await tail.follow(server, selected);
  } catch (error) {
    // An interrupt is the normal end.
    if (!terminal.interrupted.aborted) throw error;
  }
}

/** Reads from its own position whenever a poke arrives, so a lost poke loses no message. */
class Tail {
  readonly #terminal: Terminal;
  readonly #pages: MessagePages;
  readonly #write: (page: readonly SentMessage[]) => Promise<void>;
  #next: number;
  /** Counts replacements of the log, so that a page of the old log does not move the position in the new one. */
  #log = 0;
  #isDue = true;
  #isAway = false;
  #isBuffered = false;
  #ended: State | undefined = undefined;
  #woken = Promise.withResolvers<void>();

  constructor(
    terminal: Terminal,
    pages: MessagePages,
    write: (page: readonly SentMessage[]) => Promise<void>,
    start: number,
  ) {
    this.#terminal = terminal;
    this.#pages = pages;
    this.#write = write;
    this.#next = start;
  }

  /** Never resolves. Rejects if the subscription ends, the output closes or the command is interrupted. */
  async follow({ url, token }: ServerAddress, selected: Selected): Promise<never> {
    const { interrupted } = this.#terminal;
    interrupted.addEventListener('abort', () => this.#wake());
    using _subscription: Subscribed = connect(url.href, token === '' ? {} : { token }).subscribe(
      { ...selectionOf(selected), position: 'head' },
      {
        onPoke: () => this.#wake(),
        onState: (state) => this.#move(state),
        onReset: (reset) => this.#reset(reset),
      },
    );
    for (;;) {
      interrupted.throwIfAborted();
      if (this.#ended !== undefined) throw endOf(this.#ended, url);
      if (this.#isDue) await this.#readOn();
      else {
        await this.#woken.promise;
        this.#woken = Promise.withResolvers();
      }
    }
  }

  async #readOn(): Promise<void> {
    this.#isDue = false;
    try {
      await this.#print();
    } catch (error) {
      this.#terminal.interrupted.throwIfAborted();
      if (!passes(error)) throw error;
      // The subscription notices when the server is back; only a failure of reads alone needs a retry.
      const timer = setTimeout(() => this.#wake(), retryMs);
      await this.#woken.promise;
      clearTimeout(timer);
    }
  }

  async #print(): Promise<void> {
    const log = this.#log;
    let toldAtMs = performance.now();
    let isBehind = false;
    for await (const page of this.#pages.from(this.#next)) {
      if (log !== this.#log) return;
      await this.#write(page);
      if (log !== this.#log) return;
      const last = page.at(-1)!;
      this.#next = this.#pages.positionOf(last) + 1;
      if (performance.now() - toldAtMs < behindMs) continue;
      toldAtMs = performance.now();
      isBehind = true;
      this.#tell(`Behind: printed up to ${visible(last.time)} so far.`);
    }
    if (isBehind) this.#tell('No longer behind.');
  }

  #wake(): void {
    this.#isDue = true;
    this.#woken.resolve();
  }

  #move(state: State): void {
    if (state.name === 'away' && !this.#isAway) {
      this.#isAway = true;
      this.#tell(`Lost the connection (${visible(state.why.message).replace(/\.$/, '')}); trying again.`);
    }
    if (state.name === 'live') {
      if (this.#isAway) this.#tell('Connected again.');
      this.#isAway = false;
      if (state.isBuffered && !this.#isBuffered) {
        this.#tell('A proxy buffers events, so messages arrive late; diagnose it with "pokewire doctor".');
      }
      this.#isBuffered = state.isBuffered;
      // Reads messages appended before the subscription was open, or while it was lost.
      this.#wake();
    }
    if (state.name === 'ended') {
      this.#ended = state;
      this.#wake();
    }
  }

  #reset({ reason, lost }: Reset): void {
    if (reason === 'forgotten') {
      this.#tell(`Messages up to global position ${lost.to} were deleted by retention.`);
      return;
    }
    this.#tell('The server has a new log, which is printed from the beginning.');
    this.#log++;
    this.#next = 0;
    this.#wake();
  }

  #tell(sentence: string): void {
    this.#terminal.stderr.write(`pokewire: ${sentence}\n`);
  }
}

function selectionOf(selected: Selected): Selection {
  if (selected.kind === 'all') return { all: true };
  return selected.kind === 'stream' ? { stream: selected.name } : { category: selected.name };
}

function endOf(state: State, url: URL): CliError {
  const why = state.name === 'ended' ? state.why?.message : undefined;
  return new CliError(`The subscription to ${url.origin} ended${why === undefined ? '.' : `: ${visible(why)}`}`);
}

/** Whether the same read can succeed later: the server restarts or is overloaded, or its log was replaced. */
function passes(error: unknown): boolean {
  if (error instanceof RefusedError) return [408, 410, 429, 500, 502, 503, 504].includes(error.status);
  return error instanceof CliError && error.exitCode !== 0;
}
