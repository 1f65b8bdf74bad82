import type { Writable } from 'node:stream';
import { replaceFile } from './replace-file.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Has a command's output written: to its standard output, or to a file that is replaced when all of it is there. */
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
 * Writes a text, and waits until it has been taken. Throws {@link CliError}: with exit code 0 and without a word where
 * nobody wants more of it.
 */
export async function writeText(stdout: Writable, text: string): Promise<void> {
  const error = await new Promise<Error | null | undefined>((resolve) => stdout.write(text, resolve));
  if (!error) return;
  const problem = describeOutputError(error, undefined, '');
  throw new CliError(problem, problem === '' ? 0 : 1);
}

/** The stream that the process has open under this name: opening it anew would cut a file it goes to, or overwrite it. */
function openedAs(file: string | undefined, { stdout, stderr }: Terminal): Writable | undefined {
  if (file === undefined || /^\/dev\/(stdout|fd\/1)$/.test(file)) return stdout;
  return /^\/dev\/(stderr|fd\/2)$/.test(file) ? stderr : undefined;
}

/** Why output could not be written, or was not all there; empty: nobody wants more of it. */
export function describeOutputError(
  { code, message }: NodeJS.ErrnoException,
  file: string | undefined,
  brokenOff: string,
): string {
  // Whoever takes the output wants no more of it, as `head` does.
  if (code === 'EPIPE') return '';
  if (code === 'ECONNRESET') return brokenOff;
  // Node names the call and the path too, which is that of the part.
  return `Cannot write ${file ?? 'the output'}: ${message.split(', ', 1)[0]}`;
}
