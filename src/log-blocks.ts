import fs from 'node:fs';

/** What it needs of the file system. */
export type FileWriter = Pick<typeof fs, 'writeSync'> & {
  write(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
};

const blockLength = 32_768;
const longestWaitMs = 100;
/** A pipe whose reader is slow is full for a while. */
const retryMs = 5;
/** At the end of the process nobody waits longer for such a reader. */
const lastRetries = 200;

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

  /** Begins to write what there is; `done` is called when it is written, or nobody reads it. */
  flush(done?: () => void): void {
    const isWriting = this.#blocks.length > 0;
    this.#endBlock();
    if (done !== undefined) this.#flushed.push(done);
    if (!isWriting) this.#writeNext();
  }

  /** The same at once, for a process that ends; what is being written already ends beside it. */
  flushSync(): void {
    const isWriting = this.#blocks.length > 0;
    this.#endBlock();
    for (const block of this.#blocks.splice(isWriting ? 1 : 0)) this.#writeAtOnce(block);
  }

  #endBlock(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#gathering !== '' && this.#hasReader) this.#blocks.push(Buffer.from(this.#gathering));
    this.#gathering = '';
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
    } else if (written < block.length) this.#blocks[0] = block.subarray(written);
    else this.#blocks.shift();
    this.#writeNext();
  }

  #writeAtOnce(block: Buffer): void {
    for (let at = 0, retries = 0; at < block.length && retries < lastRetries; ) {
      try {
        at += this.#files.writeSync(this.#fd, block, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
        retries++;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
      }
    }
  }
}
