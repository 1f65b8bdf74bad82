import fs from 'node:fs';

/** What it needs of the file system. */
export type FileWriter = Pick<typeof fs, 'writeSync'> & {
  write(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
};

const blockLength = 32_768;
const longestWaitMs = 100;
/** A pipe whose reader is slow is full for a while. */
const retryMs = 5;
/** At the end of the process nobody waits longer for a reader that hangs. */
const lastWaitMs = 1_000;
/** Bytes that wait for a reader at most; what comes then is lost, and said to be. */
const maxWaitingBytes = 16_777_216;

/**
 * A destination of log lines: gathers them into blocks and writes one after the other beside the event loop, each line
 * at most 100 ms late. Pino's own flattens what it has gathered with every line, and wakes a thread for every 8 KB: a
 * line costs 0.6 µs and 6 KB of heap more there (load/micro/log.ts).
 */
export class LogBlocks {
  readonly #fd: number;
  readonly #files: FileWriter;
  #gathering = '';
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The first of them is being written, while there is any. */
  readonly #blocks: Buffer[] = [];
  #waitingBytes = 0;
  #linesLost = 0;
  #flushed: (() => void)[] = [];
  #hasReader = true;

  constructor(fd: number, files: FileWriter = fs) {
    this.#fd = fd;
    this.#files = files;
  }

  /** Takes one line. */
  write(line: string): void {
    this.#gathering += line;
    if (this.#gathering.length >= blockLength) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), longestWaitMs).unref();
  }

  /** Begins to write what there is; `done` is called when it is written, nobody reads it, or a second has passed. */
  flush(done?: () => void): void {
    const isWriting = this.#blocks.length > 0;
    this.#endBlock();
    if (done !== undefined) this.#flushed.push(onceWithin(lastWaitMs, done));
    if (!isWriting) this.#writeNext();
  }

  /** The same at once, for a process that ends; what is being written already ends beside it. */
  flushSync(): void {
    const isWriting = this.#blocks.length > 0;
    this.#endBlock();
    let retries = lastWaitMs / retryMs;
    for (const block of this.#blocks.splice(isWriting ? 1 : 0)) {
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
    if (lines === '' || !this.#hasReader) return;
    if (this.#waitingBytes > maxWaitingBytes) {
      this.#linesLost += lines.split('\n').length - 1;
      return;
    }
    const block = Buffer.from(this.#takeLoss() + lines);
    this.#waitingBytes += block.length;
    this.#blocks.push(block);
  }

  /** A line as Pino writes them that tells how many are missing here. */
  #takeLoss(): string {
    const lines = this.#linesLost;
    this.#linesLost = 0;
    const msg = 'lines of the log are missing: nobody read it';
    return lines === 0 ? '' : `${JSON.stringify({ level: 50, time: Date.now(), lines, msg })}\n`;
  }

  #writeNext(): void {
    const [block] = this.#blocks;
    if (block !== undefined) {
      this.#files.write(this.#fd, block, (error, written) => this.#written(block, error, written));
      return;
    }
    for (const done of this.#flushed.splice(0)) done();
  }

  #written(block: Buffer, error: NodeJS.ErrnoException | null, written: number): void {
    if (error?.code === 'EAGAIN') {
      setTimeout(() => this.#writeNext(), retryMs);
      return;
    }
    if (error !== null) {
      this.#hasReader = false;
      this.#blocks.length = 0;
    } else {
      this.#waitingBytes -= written;
      if (written < block.length) this.#blocks[0] = block.subarray(written);
      else this.#blocks.shift();
    }
    this.#writeNext();
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
