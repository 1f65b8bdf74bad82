import fs from 'node:fs';

/** What it needs of the file system. */
export type FileWriter = Pick<typeof fs, 'writeSync'> & {
  write(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
};

/** Lines and bytes that were dropped since the start, because the output took nothing. */
export type LogLoss = { readonly lines: number; readonly bytes: number };

const blockLength = 32_768;
const longestWaitMs = 100;
/** A pipe or terminal whose reader is slow is full for a while; one that nobody reads, for long. */
const retryMs = 5;
const longestRetryMs = 250;
/** A full disk is freed, a named pipe gets another reader. */
const failureRetryMs = 1_000;
/** At the end of the process nobody waits longer for a reader that hangs. */
const lastWaitMs = 1_000;
/** Bytes that wait for the output at most; what comes then is dropped, and reported. */
const maxWaitingBytes = 16_777_216;

/**
 * A destination of log lines: gathers them into blocks and writes one after the other beside the event loop, each line
 * at most 100 ms late. An output that takes nothing costs lines beyond a limit, and is tried again for ever. Pino's own
 * flattens what it has gathered with every line, and wakes a thread for every 8 KB: a line costs 0.6 µs and 6 KB of heap
 * more there (load/micro/log.ts).
 */
export class LogBlocks {
  readonly #fd: number;
  readonly #files: FileWriter;
  readonly #format: ((line: string) => string) | undefined;
  #gathering = '';
  #timer: NodeJS.Timeout | undefined = undefined;
  /** `full`: it waits for the reader; `failing`: the last write was refused; both until the next try. */
  #state: 'idle' | 'writing' | 'full' | 'failing' = 'idle';
  #retryMs = retryMs;
  /** The first of them is being written, or is to be tried again. */
  readonly #blocks: Buffer[] = [];
  #waitingBytes = 0;
  readonly #dropped = { lines: 0, bytes: 0 };
  /** Of the dropped lines, those that the log has reported. */
  #reportedLines = 0;
  #flushed: (() => void)[] = [];

  /** `format` makes the text of a line from what the logger writes. */
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

  /** Begins to write what there is; `done` is called when it is written, the output refuses it, or a second has passed. */
  flush(done?: () => void): void {
    this.#endBlock();
    if (done !== undefined) this.#flushed.push(onceWithin(lastWaitMs, done));
    if (this.#state === 'idle') this.#writeNext();
    else if (this.#state === 'failing') this.#endFlushes();
  }

  /** The same at once, for a process that ends; what is being written already ends beside it. */
  flushSync(): void {
    this.#endBlock();
    let retries = lastWaitMs / retryMs;
    for (const block of this.#blocks.splice(this.#state === 'writing' ? 1 : 0)) {
      retries = this.#writeAtOnce(block, retries);
      // The next one would begin in the middle of a line.
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

  /** A line as Pino writes them that tells how many are missing here. */
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

  /** Tries again so many times, and returns how many are left; 0: it is not written. */
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

/** Calls `done` when it is called itself, or else after so many milliseconds. */
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
