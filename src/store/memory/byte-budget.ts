import type { AppendOutcome } from '../log.ts';
import type { MemoryLog } from './memory-log.ts';
import { rowBytes } from './message-table.ts';
import { type RowText, textBytes } from './message-texts.ts';

/** Bytes a stream costs beside its messages: its name (twice a UTF-16 unit) and entries in the indexes. */
const streamBytes = 512;

/** What the logs of a store hold, against its limit. */
export class ByteBudget {
  /** 0: no limit. */
  readonly maxBytes: number;
  /** Of all logs. */
  bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Counts messages and new streams to the log; if they would go past the limit, the outcome that says so. */
  take(
    log: MemoryLog,
    messages: readonly RowText[],
    newStreams: Iterable<string>,
  ): Extract<AppendOutcome, { outcome: 'full' }> | undefined {
    let bytes = 0;
    for (const message of messages) bytes += textBytes(message) + rowBytes;
    for (const stream of newStreams) bytes += streamBytes + stream.length * 2;
    if (this.maxBytes > 0 && this.bytes + bytes > this.maxBytes) {
      return { outcome: 'full', bytes: this.bytes, maxBytes: this.maxBytes };
    }
    this.bytes += bytes;
    log.bytes += bytes;
    return undefined;
  }

  /** Takes back what the log holds, which is forgotten. */
  release(log: MemoryLog): void {
    this.bytes -= log.bytes;
  }
}
