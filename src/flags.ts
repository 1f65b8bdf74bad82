import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';

/** What flags there are, and which of them take a value. */
export type FlagTypes = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;

/**
 * Reads a command line, the same way for the server and its subcommands. Throws {@link ConfigError} for anything but known
 * flags, each given once; `help` is the command that lists them. `positional` is the flag that one argument without a name
 * stands for. `parseArgs` in its strict mode takes the last of two equal
 * flags, and words its refusals on several lines.
 */
export function readFlags(
  args: readonly string[],
  types: FlagTypes,
  help: string,
  positional?: string,
): Record<string, string | boolean | undefined> {
  const refuse = (problem: string): never => {
    throw new ConfigError(`${problem}; "${help}" lists the flags.`);
  };
  const values: Record<string, string | boolean | undefined> = {};
  const { tokens } = parseArgs({
    args: [...args],
    options: types,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional' && positional !== undefined) {
      if (Object.hasOwn(values, positional)) refuse(`Unexpected argument ${quote(token.value)}: it is one too many`);
      values[positional] = token.value;
    } else if (token.kind === 'positional') refuse(`Unexpected argument ${quote(token.value)}: all settings are flags`);
    if (token.kind === 'option-terminator') refuse('Unexpected argument "--": all settings are flags');
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(types, name) || !rawName.startsWith('--')) refuse(`Unknown option '${shorten(rawName)}'`);
    if (Object.hasOwn(values, name)) refuse(`${rawName} is given twice`);
    if (types[name]!.type === 'boolean') {
      if (value !== undefined) refuse(`${rawName} takes no value`);
      values[name] = true;
    } else {
      // What looks like the next flag is one: a value that begins so is given as --flag=--value.
      if (value === undefined || (!inlineValue && value.startsWith('--'))) refuse(`${rawName} needs a value`);
      values[name] = value;
    }
  }
  return values;
}

const longestQuote = 100;

/** A value as a message may repeat it: on one line, without control characters, and not endless. */
export function quote(text: string): string {
  return JSON.stringify(shorten(text)).replace(/[\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
}

function shorten(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}…`;
}
