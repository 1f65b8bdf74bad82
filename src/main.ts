#!/usr/bin/env node
import { fstatSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { App } from './app.ts';
import { CliError, type Terminal } from './cli/terminal.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { PokewireError } from './errors.ts';
import { ListenError } from './http/plumbing/listen-error.ts';
import type { Origins } from './read-config.ts';
import { LogBlocks } from './telemetry/log-blocks.ts';
import { openTerminal } from './telemetry/terminal.ts';
import { version } from './version.ts';

/** Equal to `engines` in package.json. The static imports also run on older versions, so that this check is reached. */
const leastNode = 26;

let origins: Origins = new Map();

/** Flags, environment, signals and exit codes. No other file knows that it runs in a process. */
async function main(): Promise<void> {
  if (Number.parseInt(process.versions.node, 10) < leastNode) {
    throw new PokewireError('NOT_SUPPORTED', `Pokewire needs Node ${leastNode} or newer; this is ${process.version}.`);
  }
  keepCompiledCode();
  const { runCommand, splitCommand } = await import('./cli/command.ts');
  const { name, args } = splitCommand(process.argv.slice(2));
  if (name !== 'serve') {
    process.exitCode = await runCommand(name, args, openCommandTerminal());
    return;
  }
  const { configPathOf, parseCommand } = await import('./read-config.ts');
  const path = configPathOf(args, process.env);
  const { readConfigFile } = await import('./config-file.ts');
  const file = await readConfigFile(path);
  const command = parseCommand(args, process.env, file);
  if (command.run === 'help') {
    process.exitCode = await runCommand('help', ['serve'], openCommandTerminal());
    return;
  }
  if (command.run === 'version') return print(`${version}\n`);
  origins = command.origins;
  if (command.run !== 'serve') {
    const { checkConfig } = await import('./cli/check-config.ts');
    const { configText } = await import('./cli/print-config.ts');
    checkConfig(command.config);
    return print(command.run === 'check-config' ? 'The settings are valid.\n' : configText(command.config, origins));
  }
  const { log, lines } = await createLog(command.config);
  // Imported here, so that commands do not load the server.
  const { startApp } = await import('./app.ts');
  const app = await startApp({ config: command.config, log, memory: process, droppedLogs: lines.dropped });
  log.info({ urls: app.urls, version, ...(file !== undefined && { configFile: file.path }) }, 'listening');
  // Two writers to one terminal, pipe or file could interleave within a line.
  const words = isSameOutput() ? lines : openOutput(process.stderr);
  words.write(welcome(app, file?.path));
  stopInOrder(app, log);
}

function openCommandTerminal(): Terminal {
  const { env, stdin, stdout, stderr } = process;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  // The writer gets the same error in its callback and handles it there.
  stdout.on('error', () => {});
  return { env, stdin, stdout, stderr, interrupted: stop.signal, isWatched: stderr.isTTY };
}

async function print(text: string): Promise<void> {
  const { writeText } = await import('./cli/output.ts');
  await writeText(openCommandTerminal().stdout, text);
}

/**
 * Enables the compile cache, which makes the next start faster. Worker threads find the folder by the variable. A folder that
 * cannot be written disables the cache. It is inside the package, because code in a shared folder could be tampered with.
 * Large modules are imported after this call; a static import would be compiled before it.
 */
function keepCompiledCode(): void {
  const { directory } = module.enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/pokewire'));
  if (directory !== undefined) process.env.NODE_COMPILE_CACHE ??= directory;
}

function isSameOutput(): boolean {
  const [stdout, stderr] = [process.stdout, process.stderr].map(({ fd }) => fstatSync(fd));
  return stdout!.dev === stderr!.dev && stdout!.ino === stderr!.ino;
}

/** Opens an output that never blocks the process. Pending lines are flushed on exit. */
function openOutput(stream: NodeJS.WriteStream & { fd: number }, format?: (line: string) => string): LogBlocks {
  const lines = new LogBlocks(stream.isTTY ? openTerminal(stream.fd) : stream.fd, undefined, format);
  process.on('exit', () => lines.flushSync());
  return lines;
}

async function createLog({ logLevel }: Config): Promise<{ log: Logger; lines: LogBlocks }> {
  const { pino } = await import('pino');
  const options = { level: logLevel, redact: ['req.headers.authorization', 'req.headers.cookie', 'token'] };
  const format = process.stdout.isTTY ? await prettyLines() : undefined;
  const lines = openOutput(process.stdout, format);
  const log = pino(options, lines);
  // Node would write these to standard error synchronously, and block on a slow reader.
  process.removeAllListeners('warning').on('warning', (warning) => log.warn({ err: warning }, 'warning from Node'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a fault ended the process');
    process.exit(1);
  });
  return { log, lines };
}

async function prettyLines(): Promise<(line: string) => string> {
  const { isColorSupported, prettyFactory } = await import('pino-pretty');
  return prettyFactory({ colorize: isColorSupported, ignore: 'pid,hostname' });
}

/** Shuts down in order on a signal, or when the store has failed permanently; a supervisor then restarts the process. */
function stopInOrder({ store, close }: App, log: Logger): void {
  let stopping = false;
  let exitCode = 0;
  const stop = () => {
    stopping = true;
    close().then(
      () => log.flush(() => process.exit(exitCode)),
      (error: unknown) => {
        log.fatal({ err: error }, 'could not shut down cleanly');
        log.flush(() => process.exit(1));
      },
    );
  };
  const stopAt = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    log.info({ signal }, 'stopping; a second signal stops at once');
    stop();
  };
  process.on('SIGTERM', stopAt);
  process.on('SIGINT', stopAt);
  void store.failed.then((error) => {
    exitCode = 1;
    log.fatal({ err: error }, 'the store failed and must be reopened: the process exits');
    if (!stopping) stop();
  });
}

function welcome({ urls, newToken, authMode, store }: App, configPath: string | undefined): string {
  const url = new URL(urls[0]!);
  const base = url.hostname === '127.0.0.1' ? `localhost:${url.port}` : url.host;
  const credential = authMode === 'off' ? '' : ' -H "authorization: Bearer $TOKEN"';
  const { summary, warning } = store.opening;
  const settings = configPath === undefined ? undefined : `Settings are from ${configPath}.`;
  const opening = [settings, summary, warning]
    .filter((line) => line !== undefined)
    .map((line) => `  ${line}`)
    .join('\n');
  return `
  Pokewire ${version}  http://${base}

${opening}
${authMode === 'off' ? '' : `\n  Requests need a token. ${newToken === undefined ? 'Set TOKEN to the configured one, or to one created earlier' : 'This one is shown only now'}:\n    TOKEN=${newToken ?? 'ns_…'}\n`}
  Subscribe, and leave it running:
    curl -N${credential} '${base}/subscribe?category=account'

  Append in another terminal:
    curl${credential} ${base}/streams/account-123/messages -H 'content-type: application/json' \\
      -d '{"type":"Deposited","data":{"amount":100}}'

  Try it in a browser:  http://${base}/docs${authMode === 'off' ? '' : '  (it asks for the token)'}

`;
}

/** Exits with 2 for wrong usage and with 1 for a failure. Prints a stack trace only for programming errors. */
async function fail(error: unknown): Promise<void> {
  const { namedAsGiven } = await import('./read-config.ts');
  if (error instanceof CliError && error.exitCode === 0) return;
  const isForeseen = [CliError, ConfigError, ListenError, PokewireError].some((kind) => error instanceof kind);
  console.error(isForeseen ? `pokewire: ${namedAsGiven((error as Error).message, origins)}` : error);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}

await main().catch(fail);
