import type { Writable } from 'node:stream';
import { replaceFile } from './replace-file.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Lets `write` send a command's output to standard output, or to a file that is replaced once the output is complete. */
export async function writeOutput(
  file: string | undefined,
  terminal: Terminal,
  write: (target: Writable, end: boolean) => Promise<void>,
): Promise<void> {
  const opened = openedAs(file, terminal);
  if (opened !== undefined) await write(opened, false);
  else await replaceFile(file!, (target) => write(target, true));
}

/**
 * Writes a text and waits until the stream has accepted it. Throws {@link CliError} if it cannot; on EPIPE, as with
 * `head`, the error has exit code 0 and no message.
 */
export async function writeText(stdout: Writable, text: string): Promise<void> {
  const error = await new Promise<Error | null | undefined>((resolve) => stdout.write(text, resolve));
  if (!error) return;
  const problem = describeOutputError(error, undefined, '');
  throw new CliError(problem, problem === '' ? 0 : 1);
}

/** The stream that the process already has open under this name. Opening it again would truncate its file. */
function openedAs(file: string | undefined, { stdout, stderr }: Terminal): Writable | undefined {
  if (file === undefined || /^\/dev\/(stdout|fd\/1)$/.test(file)) return stdout;
  return /^\/dev\/(stderr|fd\/2)$/.test(file) ? stderr : undefined;
}

/** Why the output could not be written, or `brokenOff` if the source ended early. Empty if the reader closed the pipe. */
export function describeOutputError(
  { code, message }: NodeJS.ErrnoException,
  file: string | undefined,
  brokenOff: string,
): string {
  // The reader has read enough, as `head` does.
  if (code === 'EPIPE') return '';
  if (code === 'ECONNRESET') return brokenOff;
  // Node appends the system call and the path, which is that of the temporary file.
  return `Cannot write ${file ?? 'the output'}: ${message.split(', ', 1)[0]}`;
}
