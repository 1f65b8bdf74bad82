import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCommand } from '../../src/cli/command.ts';

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs a command in this process with this standard input. */
export async function runHere(
  name: string,
  args: readonly string[],
  input = '',
  interrupted = new AbortController(),
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const stdin = Readable.from([Buffer.from(input)]);
  const terminal = { env, stdin, stdout, stderr, interrupted: interrupted.signal, isWatched: false };
  const code = await runCommand(name, args, terminal);
  stdout.end();
  stderr.end();
  const [out, error] = await said;
  return { code, stdout: out, stderr: error };
}
