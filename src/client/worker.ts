import type { Checkpoint } from './checkpoint.ts';
import type { ClientError } from './client-error.ts';
import type { ConsumeOptions, Handler, Work } from './consume.ts';
import type { Message } from './messages.ts';
import type { Selection } from './selection.ts';
import type { Subscribed } from './share.ts';
import type { Reset } from './state.ts';
import type { SubscribeOptions } from './subscription.ts';
import type { WorkerSource } from './worker-source.ts';

/** Details of `LOG_FORGOTTEN`. */
type Forgotten = { readonly epoch: string; readonly head: number; readonly forgottenUpTo: number };

/** Longest time between two reads, milliseconds. */
const maxIdleMs = 30_000;
const maxParked = 100;

/**
 * Handles messages in log order. A poke only wakes it; it reads pages after its checkpoint, from the log that the
 * checkpoint names. A page read while the subscription reconnected is discarded, because a `reset` may follow.
 */
export class PageWorker<Data> {
  readonly #source: WorkerSource;
  readonly #work: Work;
  readonly #handler: Handler<Data>;
  readonly #options: ConsumeOptions;
  readonly #stopping: AbortSignal;
  readonly #retrying = new Set<string>();
  #checkpoint: Checkpoint = { position: 0 };
  /** Whether it accepts a log with deleted messages, because it starts with the first message and has handled none yet. */
  #isFresh = false;
  #unsaved = 0;
  #subscription!: Subscribed;
  /** Head when the subscription started. */
  #head: number | undefined = undefined;
  /** Number of connections. */
  #connections = 0;
  #reset: Reset | undefined = undefined;
  #idle = new AbortController();

  constructor(
    source: WorkerSource,
    work: Work,
    handler: Handler<Data>,
    options: ConsumeOptions,
    stopping: AbortSignal,
  ) {
    this.#source = source;
    this.#work = work;
    this.#handler = handler;
    this.#options = options;
    this.#stopping = stopping;
  }

  /** Resolves when it was stopped; rejects if it cannot continue. */
  async run(): Promise<void> {
    const saved = await this.#options.checkpoint.load();
    if (this.#stopping.aborted) return;
    const selection = { ...this.#work, ...this.#begin(saved) } as Selection & SubscribeOptions;
    this.#subscription = this.#source.client.subscribe(selection, {
      onPoke: () => this.#wake(),
      onReset: (reset) => {
        this.#reset = reset;
        this.#wake();
      },
      onState: (state) => {
        if (state.name === 'connecting') this.#connections++;
        // Recorded now, because pokes advance the position, even before the first page is read.
        if (state.name === 'catching-up') this.#head ??= this.#subscription.position;
        this.#source.call(this.#options.onState, state);
        if (state.name !== 'live') this.#wake();
      },
    });
    try {
      if ((await this.#untilConnected()) && saved === undefined) await this.#save({ position: this.#firstPosition() });
      while (!this.#stopping.aborted) await this.#turn();
    } finally {
      this.#subscription.close();
      if (this.#unsaved > 0) await this.#save();
    }
  }

  retryParked(stream?: string): void {
    const parked = Object.keys(this.#checkpoint.parked ?? {});
    for (const name of stream === undefined ? parked : [stream]) if (parked.includes(name)) this.#retrying.add(name);
    this.#wake();
  }

  /** The first message to handle is after this global position. */
  #firstPosition(): number {
    const { position = 0 } = this.#options;
    return position === 'head' ? this.#head! : Math.max(0, position - 1);
  }

  #begin(saved: Checkpoint | undefined): SubscribeOptions {
    if (saved !== undefined) this.#checkpoint = saved;
    const { position = 0 } = this.#options;
    if (saved === undefined && (position === 'head' || position <= 1)) {
      this.#isFresh = position !== 'head';
      return { position: position === 'head' ? position : 0 };
    }
    const { position: behind, epoch } = saved ?? { position: +position - 1, epoch: undefined };
    return { cursor: String(behind), epoch };
  }

  /** Reads one page and handles it, or waits. */
  async #turn(): Promise<void> {
    if (!(await this.#untilConnected())) return;
    if (this.#reset !== undefined) return this.#startOver(this.#reset);
    for (const stream of this.#retrying) await this.#retry(stream);
    const connection = this.#connections;
    const { batchSize = 100, saveEvery = 100 } = this.#options;
    this.#idle = new AbortController();
    const page = await this.#read(this.#checkpoint.position + 1, this.#work, batchSize);
    if (page === undefined || connection !== this.#connections || !this.#isConnected) return;
    for (const message of page) {
      this.#isFresh = false;
      if (this.#stopping.aborted || this.#reset !== undefined) return;
      if (this.#parked[message.stream] === undefined && !(await this.#handle(message))) return;
      this.#checkpoint = { ...this.#checkpoint, position: message.globalPosition };
      if (++this.#unsaved >= saveEvery) await this.#save();
    }
    if (page.length >= batchSize) return;
    if (this.#unsaved > 0) await this.#save();
    await this.#source.pause(maxIdleMs, this.#stopping, this.#idle.signal);
  }

  get #parked(): Readonly<Record<string, number>> {
    return this.#checkpoint.parked ?? {};
  }

  /** Whether the subscription is connected to the checkpoint's log. */
  get #isConnected(): boolean {
    const { state, epoch } = this.#subscription;
    const stands = state.name === 'catching-up' || state.name === 'live';
    return stands && epoch === (this.#checkpoint.epoch ?? epoch);
  }

  /** Resolves to false when the worker should stop. */
  async #untilConnected(): Promise<boolean> {
    while (!this.#stopping.aborted) {
      const { state } = this.#subscription;
      if (state.name === 'ended') throw state.why ?? new this.#source.ClientError(state.code, 'The subscription ended');
      if (this.#isConnected || this.#reset !== undefined) return true;
      this.#idle = new AbortController();
      await this.#source.pause(maxIdleMs, this.#stopping, this.#idle.signal);
    }
    return false;
  }

  async #startOver(reset: Reset): Promise<void> {
    if (this.#options.onReset !== 'replay') {
      const message = `The log cannot be handled after the checkpoint: ${reset.reason}`;
      throw new this.#source.ClientError('RESET', message, { details: reset });
    }
    this.#reset = undefined;
    this.#retrying.clear();
    await this.#save({ position: reset.replayFrom - 1, epoch: reset.epoch });
  }

  /** The global position to read from; undefined if the log was replaced. */
  async #read(from: number, work: Work, batchSize: number): Promise<Message<Data>[] | undefined> {
    const place = work.stream === undefined ? { position: from } : { globalPosition: from };
    try {
      const signal = this.#stopping;
      return await this.#source.read<Data>(this.#source.transport, {
        ...work,
        ...place,
        batchSize,
        epoch: this.#checkpoint.epoch ?? this.#subscription.epoch,
        signal,
        retryForMs: Number.POSITIVE_INFINITY,
      });
    } catch (error) {
      if (this.#stopping.aborted) return undefined;
      const { code, details } = error as ClientError;
      if (code === 'LOG_FORGOTTEN') {
        this.#miss(from, details as Forgotten);
        return undefined;
      }
      if (code !== 'LOG_GONE') throw error;
      await this.#source.pause(1_000, this.#stopping, this.#idle.signal);
      return undefined;
    }
  }

  /** Retention has overtaken the worker. The subscription does not notice while its own cursor is ahead. */
  #miss(from: number, { epoch, head, forgottenUpTo }: Forgotten): void {
    if (this.#isFresh) this.#checkpoint = { ...this.#checkpoint, position: forgottenUpTo };
    else {
      const lost = { epoch, from, to: forgottenUpTo };
      this.#reset = { reason: 'forgotten', epoch, head, lost, replayFrom: forgottenUpTo + 1 };
    }
  }

  /** Resolves to true when the message was handled or parked. */
  async #handle(message: Message<Data>): Promise<boolean> {
    const { maxAttempts = 10, onPoison = 'stop', onParked } = this.#options;
    const backOff = new this.#source.BackOff({ minMs: 400, ...this.#options.retry });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#handler(message, { attempt, signal: this.#stopping });
        return true;
      } catch (error) {
        this.#failed(error, message as Message);
        if (this.#stopping.aborted) return false;
        if (attempt >= maxAttempts) {
          const { id, stream, position, globalPosition } = message;
          if (onPoison === 'stop') {
            const text = `The message ${stream} ${position} failed ${attempt} times: ${error}`;
            throw new this.#source.ClientError('POISON', text, {
              cause: error,
              details: { id, stream, position, globalPosition },
            });
          }
          this.#park(message);
          this.#source.call(() => onParked?.(message as Message, error), undefined);
          return true;
        }
        await this.#source.pause(backOff.next(), this.#stopping);
        if (this.#stopping.aborted) return false;
      }
    }
  }

  #park({ stream, globalPosition }: Message<Data>): void {
    const parked = { ...this.#parked, [stream]: globalPosition };
    if (Object.keys(parked).length > maxParked)
      throw new this.#source.ClientError('TOO_MANY_PARKED', `More than ${maxParked} streams are parked`);
    this.#checkpoint = { ...this.#checkpoint, parked };
    this.#unsaved++;
  }

  /** Handles messages of a parked stream up to the checkpoint. */
  async #retry(stream: string): Promise<void> {
    this.#retrying.delete(stream);
    const upTo = this.#checkpoint.position;
    for (let from = this.#parked[stream]!; ; ) {
      const connection = this.#connections;
      const page = await this.#read(from, { stream }, 100);
      if (page === undefined || connection !== this.#connections || !this.#isConnected) {
        this.#retrying.add(stream);
        return;
      }
      for (const message of page) {
        if (message.globalPosition > upTo) break;
        this.#checkpoint = { ...this.#checkpoint, parked: { ...this.#parked, [stream]: message.globalPosition } };
        this.#unsaved++;
        const before = this.#parked;
        // If the stream was parked again, or the worker is stopping, the parked position stays.
        if (!(await this.#handle(message)) || this.#parked !== before) return;
        from = message.globalPosition + 1;
      }
      if (page.length < 100 || page.at(-1)!.globalPosition > upTo) break;
    }
    const { [stream]: _settled, ...parked } = this.#parked;
    this.#checkpoint = { ...this.#checkpoint, parked };
    await this.#save();
  }

  /** Retries until the checkpoint is saved; throws on a permanent refusal. */
  async #save(checkpoint: Checkpoint = this.#checkpoint): Promise<void> {
    this.#checkpoint = { ...checkpoint, epoch: checkpoint.epoch ?? this.#subscription.epoch };
    const backOff = new this.#source.BackOff({ minMs: 400, ...this.#options.retry });
    for (;;) {
      try {
        await this.#options.checkpoint.save(this.#checkpoint);
        this.#unsaved = 0;
        return;
      } catch (error) {
        if (this.#stopping.aborted || (error as ClientError).passes === false) throw error;
        this.#failed(error, undefined);
        await this.#source.pause(backOff.next(), this.#stopping);
      }
    }
  }

  #failed(error: unknown, message: Message | undefined): void {
    this.#source.call(() => this.#options.onError?.(error, message), undefined);
  }

  #wake(): void {
    this.#idle.abort();
  }
}
