import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Exposition } from '../../support/exposition.ts';
import { type ProcessOptions, SpokenProcess, unprotected } from '../../support/spoken-process.ts';
import { type Answer, ask } from './ask.ts';

/** Deadline for anything that must happen, on the busiest machine. */
const deadlineMs = 50_000;

/** Polls until the result is as expected; fails at the deadline. */
export const poll = <T>(read: () => T) => expect.poll(read, { timeout: deadlineMs, interval: 50 });

export type FaultServerOptions = ProcessOptions & {
  readonly env?: Readonly<Record<string, string>>;
  /** Address for requests, if it is not the one it listens on. */
  readonly at?: string;
  /** Its standard error goes elsewhere, so the address is read from the log. */
  readonly isSilent?: boolean;
};

/** A server process to disrupt, and requests to it. Close it by `await using`. */
export class FaultServer extends SpokenProcess {
  readonly #at: string | undefined;
  readonly #isSilent: boolean;
  #url: string | undefined = undefined;

  private constructor(flags: readonly string[], { env = {}, at, isSilent = false, ...options }: FaultServerOptions) {
    super(flags, { ...unprotected, POKEWIRE_PORT: '0', POKEWIRE_HOST: '127.0.0.1', ...env }, options);
    this.#at = at;
    this.#isSilent = isSilent;
  }

  /** Starts it with these flags, by default on a free port of 127.0.0.1, and resolves when it listens. */
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

  /** Address of the server. */
  get url(): string {
    return this.#url!;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Its resident memory in bytes. */
  get residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))![1]) * 1024;
  }

  /** Its CPU time so far in milliseconds. */
  get processorMs(): number {
    // After the name, which may contain anything; user and system time are fields 14 and 15, in hundredths of a second.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Sends a GET, or what `init` says, on a new connection. */
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

  /** The current `/metrics`. */
  async metrics(): Promise<Exposition> {
    const { status, text } = await this.ask('/metrics');
    if (status !== 200) throw new Error(`the scrape was answered ${status}: ${text}`);
    return new Exposition(text);
  }

  /** Number of open subscriptions, from `/metrics`. */
  async subscriptions(): Promise<number> {
    return (await this.metrics()).value('pokewire_subscriptions');
  }

  async #listening(): Promise<void> {
    let hasEnded = false;
    void this.exit.then(() => {
      hasEnded = true;
    });
    // Read from the banner, because a quiet log does not contain it.
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
