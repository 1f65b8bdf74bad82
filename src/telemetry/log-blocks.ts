import fs from 'node:fs';

/** The file system functions it uses. */
export type FileWriter = Pick<typeof fs, 'writeSync'> & {
  write(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
};

/** Lines and bytes dropped since the start because the output was blocked. */
export type LogLoss = { readonly lines: number; readonly bytes: number };

const blockLength = 32_768;
const longestWaitMs = 100;
/** Retry delay of a full pipe or terminal, whose reader may be slow for a moment. */
const retryMs = 5;
const longestRetryMs = 250;
/** Retry delay of a failed write: a full disk may be freed, a named pipe may get another reader. */
const failureRetryMs = 1_000;
/** Longest wait for a blocked reader when the process ends. */
const lastWaitMs = 1_000;
/** Maximum number of bytes waiting for the output; further lines are dropped and reported. */
const maxWaitingBytes = 16_777_216;

/**
 * A destination of log lines: collects them into blocks, and writes one block after another without blocking the event
 * loop, each line at most 100 ms late. If the output is blocked, lines beyond a limit are dropped, and writing is
 * retried forever. Pino's own destination flattens what it has collected with every line, and wakes a thread for every
 * 8 KB: a line costs 0.6 µs and 6 KB of heap more there (load/micro/log.ts).
 */
export class LogBlocks {
  readonly #fd: number;
  readonly #files: FileWriter;
  readonly #format: ((line: string) => string) | undefined;
  #gathering = '';
  #timer: NodeJS.Timeout | undefined = undefined;
  /** `full`: waiting for the reader; `failing`: the last write failed. Both until the next attempt. */
  #state: 'idle' | 'writing' | 'full' | 'failing' = 'idle';
  #retryMs = retryMs;
  /** The first block is being written, or will be retried. */
  readonly #blocks: Buffer[] = [];
  #waitingBytes = 0;
  readonly #dropped = { lines: 0, bytes: 0 };
  /** Number of dropped lines already reported in the log. */
  #reportedLines = 0;
  #flushed: (() => void)[] = [];

  /** `format` converts what the logger writes to the text of a line. */
  constructor(fd: number, files: FileWriter = fs, format?: (line: string) => string) {
    this.#fd = fd;
    this.#files = files;
    this.#format = format;
  }

  get dropped(): LogLoss {
    return this.#dropped;
  }

  /** Takes one line. */
  write(line: string): void {
    this.#gathering += this.#format === undefined ? line : this.#format(line);
    if (this.#gathering.length >= blockLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), longestWaitMs).unref();
  }

  /** Writes everything collected; calls `done` when it is written, the output refuses it, or after a second. */
  flush(done?: () => void): void {
    this.#endBlock();
    if (done !== undefined) this.#flushed.push(onceWithin(lastWaitMs, done));
    if (this.#state === 'idle') this.#writeNext();
    else if (this.#state === 'failing') this.#endFlushes();
  }

  /** Writes synchronously, for a process that ends. A block already being written is completed by the system. */
  flushSync(): void {
    this.#endBlock();
    let retries = lastWaitMs / retryMs;
    for (const block of this.#blocks.splice(this.#state === 'writing' ? 1 : 0)) {
      retries = this.#writeAtOnce(block, retries);
      // The next block would start in the middle of a line.
      if (retries === 0) return;
    }
  }

  #endBlock(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#gathering;
    this.#gathering = '';
    if (lines === '') return;
    if (this.#waitingBytes > maxWaitingBytes) {
      this.#dropped.lines += lines.split('\n').length - 1;
      this.#dropped.bytes += Buffer.byteLength(lines);
    } else this.#add(this.#reportLoss() + lines);
  }

  #add(text: string): void {
    const block = Buffer.from(text);
    this.#waitingBytes += block.length;
    this.#blocks.push(block);
  }

  /** A log line in Pino's format that reports the number of missing lines. */
  #reportLoss(): string {
    const lines = this.#dropped.lines - this.#reportedLines;
    if (lines === 0) return '';
    this.#reportedLines = this.#dropped.lines;
    const msg = `log output blocked; ${lines} lines dropped`;
    const line = `${JSON.stringify({ level: 50, time: Date.now(), lines, msg })}\n`;
    return this.#format === undefined ? line : this.#format(line);
  }

  #writeNext(): void {
    if (this.#blocks.length === 0) {
      const report = this.#reportLoss();
      if (report !== '') this.#add(report);
    }
    const [block] = this.#blocks;
    if (block === undefined) {
      this.#state = 'idle';
      this.#endFlushes();
      return;
    }
    this.#state = 'writing';
    this.#files.write(this.#fd, block, (error, written) => this.#written(block, error, written));
  }

  #endFlushes(): void {
    for (const done of this.#flushed.splice(0)) done();
  }

  #written(block: Buffer, error: NodeJS.ErrnoException | null, written: number): void {
    if (error === null) {
      this.#retryMs = retryMs;
      this.#waitingBytes -= written;
      if (written < block.length) this.#blocks[0] = block.subarray(written);
      else this.#blocks.shift();
      this.#writeNext();
    } else if (error.code === 'EAGAIN') {
      this.#state = 'full';
      this.#tryAgainIn(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    } else {
      this.#state = 'failing';
      this.#tryAgainIn(failureRetryMs);
      this.#endFlushes();
    }
  }

  #tryAgainIn(ms: number): void {
    setTimeout(() => this.#writeNext(), ms).unref();
  }

  /** Retries up to this many times; returns how many retries are left; 0: not written. */
  #writeAtOnce(block: Buffer, retries: number): number {
    for (let at = 0; at < block.length && retries > 0; ) {
      try {
        at += this.#files.writeSync(this.#fd, block, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return 0;
        retries--;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
      }
    }
    return retries;
  }
}

/** Calls `done` when called, or after this many milliseconds. */
function onceWithin(ms: number, done: () => void): () => void {
  let timer: NodeJS.Timeout | undefined = setTimeout(() => finish(), ms);
  const finish = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    done();
  };
  return finish;
}
