import { ConfigError } from '../config-error.ts';
import { PokewireError } from '../errors.ts';
import { type CommandLine, type FlagTypes, quote, readFlags } from '../flags.ts';
import { findVerb } from './find-verb.ts';
import { Invocation } from './invocation.ts';
import { writeText } from './output.ts';
import { CliError, type Terminal } from './terminal.ts';
import { flagsOf, type Verb } from './verb.ts';
import { verbs } from './verbs.ts';

/** Splits a command line into the command and its arguments. The default command is `serve`. */
export function splitCommand([first, ...rest]: readonly string[]): { readonly name: string; readonly args: string[] } {
  if (first === undefined) return { name: 'serve', args: [] };
  if (first === '--help' || first === '-h') return { name: 'help', args: rest };
  if (first.startsWith('-')) return { name: 'serve', args: [first, ...rest] };
  const [second, ...others] = rest;
  // Commands of two words, as `store init`.
  const isPair = verbs.some(({ name }) => name.startsWith(`${first} `));
  if (!isPair) return { name: first, args: rest };
  if (second === undefined || second.startsWith('-')) return { name: 'help', args: [first] };
  return { name: `${first} ${second}`, args: others };
}

/** Runs a command and returns the exit code: 0 success, 1 failure, 2 wrong usage. */
export async function runCommand(name: string, args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const verb = findVerb(name);
    const { flags, words } = readFlags(args, flagTypes(verb), `pokewire help ${name}`, verb.words.length);
    if (flags.help === true) {
      const { helpOf } = await import('./help.ts');
      await writeText(terminal.stdout, helpOf(name));
      return 0;
    }
    const missing = verb.words.filter(({ isOptional }) => isOptional !== true)[words.length];
    if (missing !== undefined) {
      throw new ConfigError(`${missing.name} is missing; see "pokewire help ${name}".`);
    }
    checkChoices(verb, flags, words);
    const run = await verb.load();
    await run(new Invocation({ flags, words }, terminal.env), terminal);
    return 0;
  } catch (error) {
    if (terminal.interrupted.aborted) {
      terminal.stderr.write('pokewire: Interrupted.\n');
      return 1;
    }
    const isForeseen = error instanceof CliError || error instanceof ConfigError || error instanceof PokewireError;
    if (!isForeseen) throw error;
    if (error.message !== '') terminal.stderr.write(`pokewire: ${error.message}\n`);
    if (error instanceof CliError) return error.exitCode;
    return error instanceof ConfigError ? 2 : 1;
  }
}

function checkChoices({ words, flagGroups }: Verb, flags: CommandLine['flags'], given: readonly string[]): void {
  const named = flagsOf({ flagGroups }).map(({ name, choices }) => [`--${name}`, flags[name], choices] as const);
  for (const [called, value, choices] of [
    ...named,
    ...words.map(({ name, choices }, at) => [name, given[at], choices] as const),
  ]) {
    if (typeof value !== 'string' || choices === undefined || choices === 'file' || choices.includes(value)) continue;
    throw new ConfigError(`${called} cannot be ${quote(value)}. It is one of ${choices.join(', ')}.`);
  }
}

function flagTypes(verb: Verb): FlagTypes {
  const own = flagsOf(verb).map(
    ({ name, short, value }) => [name, { type: value === undefined ? 'boolean' : 'string', short }] as const,
  );
  return { ...Object.fromEntries(own), help: { type: 'boolean', short: 'h' } };
}
