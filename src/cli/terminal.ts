import type { Readable, Writable } from 'node:stream';

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
  /** 0: nothing failed, but there is no more to do; 1: it failed. What is called wrongly is a `ConfigError`. */
  readonly exitCode: 0 | 1;

  constructor(message: string, exitCode: 0 | 1 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
