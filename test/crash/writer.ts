import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.ts';
import type { LogBook } from './log-book.ts';
import { streams } from './selections.ts';
import type { CrashedServer } from './server.ts';

const longestPauseMs = 50;
const answerMs = 60_000;

type Surroundings = { readonly server: CrashedServer; readonly book: LogBook; readonly random: Random };

/** Appends one request after another. With ids it repeats unanswered requests; without, it continues. */
export class CrashWriter {
  readonly #name: string;
  readonly #hasIds: boolean;
  readonly #around: Surroundings;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #count = 0;

  constructor(name: string, hasIds: boolean, around: Surroundings) {
    this.#name = name;
    this.#hasIds = hasIds;
    this.#around = around;
  }

  /** Resolves when it was stopped and every request with ids is answered. */
  async run(stop: AbortSignal): Promise<void> {
    const { random, book } = this.#around;
    while (!stop.aborted) {
      const stream = random.pick(streams);
      const marks = random.times(1, 3, () => `${this.#name}:${this.#count++}`);
      for (const mark of marks) book.sent.add(mark);
      await this.#append(stream, marks);
      await sleep(random.int(0, longestPauseMs));
    }
    this.#agent.destroy();
  }

  async #append(stream: string, marks: readonly string[]): Promise<void> {
    const { book } = this.#around;
    const messages = marks.map((mark) => ({
      ...(this.#hasIds && { id: randomUUID() }),
      type: 'Crashed',
      data: { mark, filling: 'x'.repeat(mark.length * 20) },
    }));
    const body = JSON.stringify(messages);
    for (let tries = 1; ; tries++) {
      const answer = await this.#post(stream, body).catch(() => undefined);
      if (answer === undefined) {
        book.unanswered++;
        if (!this.#hasIds) return;
        await sleep(5);
        continue;
      }
      const { status, text } = answer;
      // While stopping, the server refuses requests that it will not carry out.
      if (status === 503) {
        await sleep(5);
        continue;
      }
      if (status !== 201 && !(status === 200 && tries > 1)) {
        book.fail(`an append was answered ${status}: ${text}`);
        return;
      }
      const { position, globalPosition } = JSON.parse(text);
      for (const [at, mark] of marks.entries()) {
        const behind = marks.length - 1 - at;
        book.acknowledge({ mark, stream, position: position - behind, globalPosition: globalPosition - behind });
      }
      return;
    }
  }

  async #post(stream: string, body: string): Promise<{ status: number; text: string }> {
    const url = new URL(`/streams/${encodeURIComponent(stream)}/messages`, await this.#around.server.url);
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(answerMs);
    const sent = request(url, { method: 'POST', headers, agent: this.#agent, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    sent.on('error', reject);
    sent.end(body);
    return promise;
  }
}
