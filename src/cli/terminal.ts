import type { Readable, Writable } from 'node:stream';

/** The parts of the process that a command may use. */
export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted by SIGINT or SIGTERM. The command then stops without leaving partial results. */
  readonly interrupted: AbortSignal;
  /** Whether `stderr` is a terminal; progress is shown only there. */
  readonly isWatched: boolean;
};

/** Ends a command. The message goes to standard error; an empty one prints nothing. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 0: stopped early without a failure; 1: failed. Wrong usage throws `ConfigError` instead. */
  readonly exitCode: 0 | 1;

  constructor(message: string, exitCode: 0 | 1 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
