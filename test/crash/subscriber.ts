import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Selection } from '../../src/message/selection.ts';
import { EventStreamParser } from '../support/sse-client.ts';
import type { LogBook } from './log-book.ts';
import { queryOf } from './selections.ts';
import type { CrashedServer } from './server.ts';

const retryMs = 10;

type Surroundings = { readonly server: CrashedServer; readonly book: LogBook };

/** Subscribes, and reconnects with its cursor whenever its connection ends. */
export class CrashSubscriber {
  readonly name: string;
  readonly selection: Selection;
  /** Pokes received in order: `stream/position` and global position. */
  readonly places: string[] = [];
  readonly globalPositions: number[] = [];
  connections = 0;
  readonly #around: Surroundings;
  readonly #begun = Promise.withResolvers<void>();
  #cursor: string | undefined;
  #epoch: string | undefined;
  #request: ClientRequest | undefined;

  constructor(name: string, selection: Selection, around: Surroundings) {
    this.name = name;
    this.selection = selection;
    this.#around = around;
  }

  /** Resolves when it knows where its subscription started. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Resolves when it was stopped. */
  async run(stop: AbortSignal): Promise<void> {
    stop.addEventListener('abort', () => this.#request?.destroy());
    while (!stop.aborted) {
      // Without an answer nothing has changed, so it retries.
      await this.#connect(stop).catch(() => {});
      if (!stop.aborted) await sleep(retryMs);
    }
  }

  async #connect(stop: AbortSignal): Promise<void> {
    const url = new URL(`/subscribe?${queryOf(this.selection)}`, await this.#around.server.url);
    if (stop.aborted) return;
    const headers = this.#cursor === undefined ? {} : { 'last-event-id': this.#cursor };
    this.#request = request(url, { headers, agent: false });
    this.#request.end();
    const [response] = (await once(this.#request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) {
      response.destroy();
      return;
    }
    this.connections++;
    const parser = new EventStreamParser();
    for await (const bytes of response) {
      parser.push(bytes as Buffer);
      for (const { type, data, lastEventId } of parser.events.splice(0)) this.#take(type, data, lastEventId);
    }
  }

  #take(type: string, data: string, id: string): void {
    if (id !== '') this.#cursor = id;
    if (type === 'poke') {
      const { stream, position, globalPosition } = JSON.parse(data);
      this.places.push(`${stream}/${position}`);
      this.globalPositions.push(globalPosition);
    } else if (type === 'hello') {
      const { epoch } = JSON.parse(data);
      if (this.#epoch !== undefined && this.#epoch !== epoch) this.#around.book.fail(`${this.name} met another log`);
      this.#epoch = epoch;
      this.#begun.resolve();
    } else if (type !== 'end') this.#around.book.fail(`${this.name} was told ${type}: ${data}`);
  }
}
