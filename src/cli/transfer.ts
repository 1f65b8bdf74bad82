import type { Readable, Writable } from 'node:stream';

/** What a command is to do, and where. */
export type Transfer = {
  readonly url: URL;
  /** Empty: none. */
  readonly token: string;
  /** Export: only messages of this category. */
  readonly category: string | undefined;
  /** Import: replace the whole log. */
  readonly force: boolean;
  /** Import: take what is no whole export. */
  readonly allowIncomplete: boolean;
  /** Undefined: standard input or output. */
  readonly file: string | undefined;
};

/** What a command has of its process. */
export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted by a signal; the command then ends, and leaves nothing half done. */
  readonly interrupted: AbortSignal;
  /** Whether somebody watches `stderr`; progress is told only then. */
  readonly isWatched: boolean;
};

/** Ends a command: the message goes to standard error, an empty one says nothing. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 1: it failed; 2: it was called wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
