import { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { parseAnswer } from './ask.ts';
import type { Invocation, ServerAddress } from './invocation.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import { type ConnectionMeasured, loadPageScripts, type PageScripts, type Seen, type Verdict } from './page-scripts.ts';
import { readUpTo } from './read-up-to.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Default of `--silence`, longer than the default heartbeat. */
const defaultSilenceSeconds = 10;

/** Time-out of a request, body included. */
const answerMs = 10_000;

const maxBodyBytes = 65_536;

/** A proxy that cuts both streams may cut them some milliseconds apart. */
const settleMs = 500;

/** `pokewire doctor`: checks everything between this machine and the server, like the page /diagnose. */
export async function diagnose(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server } = invocation;
  const isJson = invocation.isSet('json');
  const silenceSeconds = invocation.integer('silence', 1, 900) ?? defaultSilenceSeconds;
  const doctor = new Doctor(server, terminal, await loadPageScripts());
  const verdicts: Record<string, Verdict> = {};
  for await (const [title, verdict] of doctor.examine(silenceSeconds)) {
    verdicts[title] = verdict;
    if (!isJson) await writeText(terminal.stdout, textOf(title, verdict, terminal));
  }
  const failed = Object.values(verdicts).filter(({ state }) => state === 'bad').length;
  if (isJson) await writeText(terminal.stdout, `${visible(JSON.stringify({ url: server.url.href, verdicts }))}\n`);
  if (failed > 0) throw new CliError(`${failed === 1 ? 'One check' : `${failed} checks`} failed.`);
}

/** An answer and the start of its body, which may come from any server. */
type Answer = { readonly response: Response; readonly text: string };

/** Runs the checks, one after the other. */
class Doctor {
  readonly #server: ServerAddress;
  readonly #signal: AbortSignal;
  readonly #page: PageScripts;

  constructor(server: ServerAddress, { interrupted }: Terminal, page: PageScripts) {
    this.#server = server;
    this.#signal = interrupted;
    this.#page = page;
  }

  async *examine(silenceSeconds: number): AsyncGenerator<readonly [title: string, Verdict], void> {
    const page = this.#page;
    const read = (path: string, options: { readonly signal: AbortSignal }) =>
      page.readEventStream(this.#urlOf(path), { ...options, headers: this.#credential, refusalOf });
    const connection = await this.#measureConnection();
    yield ['What the server sees', page.judgeConnection(connection)];
    yield ['Statuses', await this.#judgeStatuses()];
    yield ['Clock', await this.#judgeClock()];
    const delivery = await this.#measured(page.measureDelivery(read, this.#signal));
    const delivered = page.judgeDelivery(delivery, connection.roundTripMs, page.rhythm.events + 1);
    yield ['Events one by one', delivered];
    yield ['Compression', page.judgeCompression(delivery, delivered)];
    const ending = new AbortController();
    try {
      const subscription = new page.Subscription(read, AbortSignal.any([this.#signal, ending.signal]));
      const greetedMs = await subscription.greeted();
      this.#signal.throwIfAborted();
      yield [
        'A real subscription',
        page.judgeGreeting(subscription.measured, greetedMs, connection.roundTripMs, delivered),
      ];
      const silence = await this.#measured(
        page.measureSilence(read, {
          seconds: silenceSeconds,
          roundTripMs: connection.roundTripMs,
          signal: this.#signal,
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      yield ['Silence', page.judgeSilence(silence, subscription.measured, connection.seen.heartbeatMs)];
    } finally {
      ending.abort();
    }
  }

  /** The page's scripts throw a sentence about the answer; turns it into a {@link CliError}. */
  async #measured<T>(measuring: Promise<T>): Promise<T> {
    try {
      return await measuring;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new CliError(`The remaining checks could not run: ${visible((error as Error).message)}`);
    }
  }

  get #credential(): Readonly<Record<string, string>> {
    const { token } = this.#server;
    return token === '' ? {} : { authorization: `Bearer ${token}` };
  }

  #urlOf(path: string): string {
    return new URL(path, this.#server.url).href;
  }

  /** Requests the server's view of the connection three times; the fastest answer gives the round-trip time. */
  async #measureConnection(): Promise<ConnectionMeasured> {
    let roundTripMs = Number.POSITIVE_INFINITY;
    let answer: Answer;
    let asked = 0;
    do {
      const startMs = performance.now();
      answer = await this.#get('diagnose/connection', this.#credential);
      roundTripMs = Math.min(roundTripMs, performance.now() - startMs);
    } while (answer.response.ok && ++asked < 3);
    const { response, text } = answer;
    if (!response.ok) throw new CliError(`The server answered ${describeRefusal(answer)}`);
    const seen = parseAnswer<Seen>(text, ({ proxyHeaders }) => Array.isArray(proxyHeaders));
    const { host, protocol } = this.#server.url;
    const headers = { server: response.headers.get('server'), via: response.headers.get('via') };
    return { seen, roundTripMs, headers, protocol: 'http/1.1', page: host, scheme: protocol };
  }

  /** Checks that statuses and error codes arrive unchanged, because programs rely on them. */
  async #judgeStatuses(): Promise<Verdict> {
    const expected = [
      ['health', 200, undefined],
      ['no/such/route', 404, 'NOT_FOUND'],
    ] as const;
    for (const [path, status, code] of expected) {
      const { response, text } = await this.#get(path, {});
      if (response.status === status && (code === undefined || text.includes(`"${code}"`))) continue;
      const sentence = `GET /${path} was answered with ${response.status} ${type(response)} instead of ${status}${code === undefined ? '' : ` and the code ${code}`}: something in between answers in place of the server, so programs cannot tell why they are refused.`;
      return { state: 'bad', value: String(response.status), sentence, settings: [] };
    }
    const ready = await this.#get('ready', {});
    if (ready.response.status !== 200) {
      const sentence = `The server is not ready: ${describeRefusal(ready)}`;
      return { state: 'mind', value: 'not ready', sentence, settings: [] };
    }
    return {
      state: 'good',
      value: 'as sent',
      sentence: 'Answers and refusals arrive as the server sent them.',
      settings: [],
    };
  }

  /** Compares the clocks by the `Date` header, which has a resolution of one second. */
  async #judgeClock(): Promise<Verdict> {
    const startMs = Date.now();
    const { response } = await this.#get('version', {});
    const endMs = Date.now();
    const serverMs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(serverMs)) {
      return { state: 'mind', value: 'unknown', sentence: 'No answer contains a time.', settings: [] };
    }
    // `Date` is truncated to the second and was set between the two instants.
    const offMs = serverMs > endMs ? serverMs - endMs : Math.max(0, startMs - serverMs - 1_000);
    const value = `${Math.round(offMs / 1_000)} s apart`;
    if (offMs < 5_000)
      return { state: 'good', value, sentence: 'The clocks of this machine and the server agree.', settings: [] };
    const sentence = `The clock of the server is ${serverMs > endMs ? 'ahead' : 'behind'}. Message times, token expiry and retention depend on it.`;
    return { state: 'mind', value, sentence, settings: [] };
  }

  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(answerMs)]);
    try {
      return await readAnswer(await fetch(this.#urlOf(path), { headers, signal, redirect: 'manual' }));
    } catch (error) {
      this.#signal.throwIfAborted();
      const { message, cause } = error as Error;
      const reason = (cause as Error | undefined)?.message || message;
      throw new CliError(`Cannot reach ${this.#server.url.origin}: ${visible(reason)}.`);
    }
  }
}

async function readAnswer(response: Response): Promise<Answer> {
  return { response, text: (await readUpTo(maxBodyBytes, response.body ?? Readable.from([]))).text };
}

async function refusalOf(response: Response): Promise<string> {
  return describeRefusal(await readAnswer(response));
}

function describeRefusal({ response, text }: Answer): string {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return visible(`${response.status}: ${error.message} (${error.code})`);
  } catch {
    return `${response.status} with a body that is not Pokewire's.`;
  }
}

function type(response: Response): string {
  return visible(response.headers.get('content-type') ?? 'without a type');
}

const marks = { good: ['green', 'ok  '], mind: ['yellow', 'mind'], bad: ['red', 'BAD '] } as const;

function textOf(title: string, { state, value, sentence, settings }: Verdict, { stdout }: Terminal): string {
  const [colour, word] = marks[state];
  const mark = styleText(colour, word, { stream: stdout });
  const lines = [`${mark}  ${title}: ${visible(value)}`, `      ${visible(sentence)}`];
  for (const { who, setting, why, untested } of settings) {
    lines.push(`      ${who}${untested === true ? ' (untested)' : ''}: ${visible(setting)}`, `        ${why}`);
  }
  return `${lines.join('\n')}\n`;
}
