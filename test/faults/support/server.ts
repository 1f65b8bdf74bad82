import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exposition } from '../../support/exposition.ts';
import { type ProcessOptions, SpokenProcess } from '../../support/spoken-process.ts';
import { type Answer, ask } from './ask.ts';

/** What comes at all comes by then, on the busiest machine. */
const deadlineMs = 50_000;

/** Asks again and again until the answer is as expected, and fails when it never becomes so. */
export const poll = <T>(read: () => T) => expect.poll(read, { timeout: deadlineMs, interval: 50 });

export type FaultServerOptions = ProcessOptions & {
  readonly env?: Readonly<Record<string, string>>;
  /** Address at which it is asked, where that is not the one it listens on. */
  readonly at?: string;
  /** Its standard error goes elsewhere, so the log has to tell where it listens. */
  readonly isSilent?: boolean;
};

/** A server process that is to be brought into trouble, and what tests ask of it then. Close it by `await using`. */
export class FaultServer extends SpokenProcess {
  readonly #at: string | undefined;
  readonly #isSilent: boolean;
  #url: string | undefined = undefined;

  private constructor(flags: readonly string[], { env = {}, at, isSilent = false, ...options }: FaultServerOptions) {
    super(flags, { POKEWIRE_PORT: '0', POKEWIRE_HOST: '127.0.0.1', ...env }, options);
    this.#at = at;
    this.#isSilent = isSilent;
  }

  /** Starts it with these flags, on a free port of 127.0.0.1 unless they say otherwise, and resolves when it listens. */
  static async start(flags: readonly string[] = [], options: FaultServerOptions = {}): Promise<FaultServer> {
    const server = new FaultServer(flags, options);
    try {
      await server.#listening();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Where it answers. */
  get url(): string {
    return this.#url!;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Bytes of it in memory. */
  get residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))![1]) * 1024;
  }

  /** Milliseconds of processor time that it has used. */
  get processorMs(): number {
    // Behind the name, which may hold anything; user and system time are fields 14 and 15, in hundredths of a second.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** GETs a path, or sends what `init` says, on a connection of its own. */
  ask(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Answer> {
    return ask(this.url + path, init);
  }

  /** Appends messages to a stream; fails unless they are stored. */
  async append(stream: string, count = 1): Promise<void> {
    const body = JSON.stringify(new Array(count).fill({ type: 'Happened', data: {} }));
    const headers = { 'content-type': 'application/json' };
    const { status, text } = await this.ask(`/streams/${encodeURIComponent(stream)}/messages`, {
      method: 'POST',
      headers,
      body,
    });
    if (status !== 201) throw new Error(`the append was answered ${status}: ${text}`);
  }

  /** What `/metrics` says now. */
  async metrics(): Promise<Exposition> {
    const { status, text } = await this.ask('/metrics');
    if (status !== 200) throw new Error(`the scrape was answered ${status}: ${text}`);
    return new Exposition(text);
  }

  /** Open subscriptions, as `/metrics` has them. */
  async subscriptions(): Promise<number> {
    return (await this.metrics()).value('pokewire_subscriptions');
  }

  async #listening(): Promise<void> {
    let hasEnded = false;
    void this.exit.then(() => {
      hasEnded = true;
    });
    // What it says to people, because a quiet log does not tell.
    const found = () =>
      this.#isSilent
        ? this.logged('listening')[0]?.urls[0]
        : /^ {2}Pokewire \S+ {2}(http:\/\/\S+)/m.exec(this.stderr)?.[1];
    await poll(() => hasEnded || found() !== undefined).toBe(true);
    if (hasEnded) throw new Error(`the server did not start: ${this.stderr}`);
    const said = new URL(found()!);
    if (said.hostname === 'localhost') said.hostname = '127.0.0.1';
    if (this.#at !== undefined) said.hostname = this.#at;
    this.#url = said.origin;
  }
}
