import { ConfigError } from '../config-error.ts';
import { readFlags as readFlagsOf } from '../flags.ts';
import { isSendable } from '../setting-formats.ts';
import { backUp } from './backup.ts';
import { exportLog } from './export.ts';
import { importLog } from './import.ts';
import { CliError, type Terminal, type Transfer } from './transfer.ts';
import type { TransferCommand } from './transfer-command.ts';

const commands = { export: exportLog, import: importLog, backup: backUp };
const shared = {
  url: { type: 'string' },
  token: { type: 'string' },
  file: { type: 'string' },
  help: { type: 'boolean' },
} as const;
const options = {
  export: { ...shared, category: { type: 'string' } },
  backup: { url: shared.url, token: shared.token, help: shared.help },
  import: { ...shared, force: { type: 'boolean' }, 'allow-incomplete': { type: 'boolean' } },
} as const;

const helpTexts: Readonly<Record<TransferCommand, string>> = {
  export: `pokewire export [flags]   writes all messages of a namespace as NDJSON, one record a line

  --url       Server. [http://localhost:8080]
  --token     Token with scope read. [POKEWIRE_TOKEN, or none]
  --category  Only messages of this category. [all]
  --file      Where to write; a file is replaced when the export is whole. [standard output]
  --help      This text.
`,
  import: `pokewire import [flags]   stores the messages of an export, with their positions

  --url               Server. [http://localhost:8080]
  --token             Token with scope write, or admin for --force. [POKEWIRE_TOKEN, or none]
  --force             Replaces everything in the namespace, when it is a whole export and all of it has been found good.
  --allow-incomplete  Takes what is no whole export: it has no end, as those of EventoDB, or is a part, or is empty.
  --file              What to read. [standard input]
  --help              This text.
`,
  backup: `pokewire backup FILE [flags]   copies the whole store of a running server, which can be started on the copy

  --url     Server. [http://localhost:8080]
  --token   Token with scope admin of the namespace default. [POKEWIRE_TOKEN, or none]
  --help    This text.

FILE is replaced when the copy is whole.
`,
};

/** Runs a command and returns the exit code: 0 done, 1 it failed, 2 it was called wrongly. */
export async function runCommand(name: TransferCommand, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const transfer = parseTransfer(name, args, terminal.env);
    if (transfer === 'help') terminal.stdout.write(helpTexts[name]);
    else await commands[name](transfer, terminal);
    return 0;
  } catch (error) {
    if (terminal.interrupted.aborted) {
      terminal.stderr.write('pokewire: Interrupted.\n');
      return 1;
    }
    if (!(error instanceof CliError || error instanceof ConfigError)) throw error;
    if (error.message !== '') terminal.stderr.write(`pokewire: ${error.message}\n`);
    return error instanceof ConfigError ? 2 : error.exitCode;
  }
}

function parseTransfer(name: TransferCommand, args: readonly string[], env: Terminal['env']): Transfer | 'help' {
  const flags = readFlags(name, args);
  if (flags.help === true) return 'help';
  const { url, token = env.POKEWIRE_TOKEN ?? '', category, force = false, file } = flags;
  if (!isSendable(token)) {
    const source = flags.token === undefined ? 'POKEWIRE_TOKEN' : '--token';
    throw new ConfigError(`${source} must be letters, digits and signs of ASCII without spaces, as headers carry it.`);
  }
  const allowIncomplete = flags['allow-incomplete'] ?? false;
  return { url: parseUrl(url), token, category, force, allowIncomplete, file };
}

type Flags = {
  readonly url?: string;
  readonly token?: string;
  readonly file?: string;
  readonly help?: boolean;
  readonly category?: string;
  readonly force?: boolean;
  readonly 'allow-incomplete'?: boolean;
};

function readFlags(name: TransferCommand, args: readonly string[]): Flags {
  const help = `pokewire ${name} --help`;
  const flags = readFlagsOf(args, options[name], help, name === 'backup' ? 'file' : undefined);
  if (name === 'backup' && flags.file === undefined && flags.help !== true) {
    throw new ConfigError(`A file is needed: pokewire backup FILE; "${help}" lists the flags.`);
  }
  for (const flag of ['file', 'category']) if (flags[flag] === '') throw new ConfigError(`--${flag} cannot be empty.`);
  return flags;
}

function parseUrl(text = 'http://localhost:8080'): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CliError(`--url must be like http://localhost:8080, got "${text}"`, 2);
  }
  // A server behind a path of a proxy is reached below that path.
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
