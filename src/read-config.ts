import { type Config, flagOf, isSwitch, notesOf, settingNames, variableOf, variablePrefix } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigFile } from './config-file.ts';
import { checkTogether } from './config-rules.ts';
import { type FlagTypes, readFlags } from './flags.ts';
import { checkSetting, defaultOf, type GivenValue } from './setting-values.ts';
import { didYouMean } from './suggestion.ts';

/** The origin of a value. */
export type Origin = {
  /** `--port`, `POKEWIRE_PORT` or `pokewire.yaml:3`. */
  readonly place: string;
  /** The name in error texts: the location, and for a file also the key. */
  readonly called: string;
};

/** Origins of the settings that were given; all others have their defaults. */
export type Origins = ReadonlyMap<keyof Config, Origin>;

/** The requests that the server's command line can make. */
export type Command =
  | { readonly run: 'serve' | 'check-config' | 'print-config'; readonly config: Config; readonly origins: Origins }
  | { readonly run: 'help' }
  | { readonly run: 'version' };

/** Flags of the server that are not settings. */
export const startFlags = {
  config: 'File with settings; empty: none. [pokewire.yaml, if present]',
  'check-config': 'Checks all settings and exits: 0 if they are valid.',
  'print-config': 'Prints all settings and where each comes from, without secrets.',
  help: 'Prints this help.',
  version: 'Prints the version.',
} as const;

/** The variable for `--config`. */
export const configVariable = `${variablePrefix}CONFIG`;

/** Variables of the other commands. The server ignores them, so that one shell can define both. */
export const commandVariables = [`${variablePrefix}URL`] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration file named by flags or variables; empty means none, undefined the default. */
export function configPathOf(args: readonly string[], env: Environment): string | undefined {
  const flags = readServerFlags(args);
  if (flags.help === true || flags.version === true) return '';
  return (flags.config as string | undefined) ?? (env[configVariable] || undefined);
}

/** Parses flags, environment and file. Throws {@link ConfigError} for anything unknown or out of range. */
export function parseCommand(args: readonly string[], env: Environment, file?: ConfigFile): Command {
  const flags = readServerFlags(args);
  if (flags.help === true) return { run: 'help' };
  if (flags.version === true) return { run: 'version' };
  const variables = readVariables(env);
  const config: Record<string, unknown> = {};
  const origins = new Map<keyof Config, Origin>();
  for (const name of settingNames) {
    const found = findValue(name, flags, variables, file);
    if (found === undefined) config[name] = defaultOf(name);
    else {
      config[name] = checkSetting(found.origin.called, name, found.value);
      origins.set(name, found.origin);
    }
  }
  const given = new Set(origins.keys());
  const settings = checkTogether(config as Config, given, (name) => calledBy(name, origins));
  const run =
    flags['print-config'] === true ? 'print-config' : flags['check-config'] === true ? 'check-config' : 'serve';
  return { run, config: settings, origins };
}

/**
 * If a message starts with a flag, replaces the flag by the variable or key with which the setting was given. The code
 * that produces the message only knows flags.
 */
export function namedAsGiven(refusal: string, origins: Origins): string {
  return refusal.replace(/^--[a-z-]+/, (flag) => {
    const name = settingNames.find((candidate) => `--${flagOf(candidate)}` === flag);
    return name === undefined ? flag : calledBy(name, origins);
  });
}

function calledBy(name: keyof Config, origins: Origins): string {
  return origins.get(name)?.called ?? `--${flagOf(name)}`;
}

function findValue(
  name: keyof Config,
  flags: Readonly<Record<string, string | boolean | undefined>>,
  variables: ReadonlyMap<keyof Config, string>,
  file: ConfigFile | undefined,
): { readonly value: GivenValue; readonly origin: Origin } | undefined {
  const flag = flags[flagOf(name)] as GivenValue | undefined;
  if (flag !== undefined) return { value: flag, origin: { place: `--${flagOf(name)}`, called: `--${flagOf(name)}` } };
  const variable = variables.get(name);
  if (variable !== undefined) return { value: variable, origin: { place: variableOf(name), called: variableOf(name) } };
  const entry = file?.entries.get(name);
  if (entry === undefined) return undefined;
  return { value: entry.value, origin: { place: entry.place, called: `${entry.place}: ${flagOf(name)}` } };
}

function readServerFlags(args: readonly string[]): Readonly<Record<string, string | boolean | undefined>> {
  return readFlags(args, serverFlags, 'pokewire help serve').flags;
}

/** All flags of the server. */
export const serverFlags: FlagTypes = {
  ...Object.fromEntries(
    settingNames.map((name) => [flagOf(name), { type: isSwitch(name) ? 'boolean' : 'string' }] as const),
  ),
  config: { type: 'string' },
  'check-config': { type: 'boolean' },
  'print-config': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
};

function readVariables(env: Environment): Map<keyof Config, string> {
  const byVariable = new Map(settingNames.map((name) => [variableOf(name), name]));
  const others: readonly string[] = [configVariable, ...commandVariables];
  const found = new Map<keyof Config, string>();
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(variablePrefix) || value === undefined || others.includes(variable)) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      const near = didYouMean(variable, [...byVariable.keys(), configVariable]) || '.';
      throw new ConfigError(`Unknown variable ${variable}${near} "pokewire help serve" lists the settings.`);
    }
    // Compose files and unit files set variables without a value to the empty string.
    if (value !== '' || emptyMeans.has(name)) found.set(name, value);
  }
  return found;
}

/** Settings whose description defines *Empty*. For all others an empty variable counts as not set. */
const emptyMeans = new Set<keyof Config>(settingNames.filter((name) => notesOf(name).description.includes('Empty: ')));
