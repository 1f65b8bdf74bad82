import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';
import { didYouMean } from './suggestion.ts';

/** The known flags, with their type and short form. */
export type FlagTypes = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string | undefined }>
>;

/** A parsed command line. */
export type CommandLine = {
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Positional arguments in order. */
  readonly words: readonly string[];
};

/**
 * Parses the command line of the server or of a subcommand. Throws {@link ConfigError} for unknown or repeated flags
 * and for more than `maxWords` positional arguments; `help` is the command that lists the flags. Does not use the
 * strict mode of `parseArgs`, which accepts repeated flags and whose messages span several lines.
 */
export function readFlags(args: readonly string[], types: FlagTypes, help: string, maxWords = 0): CommandLine {
  const refuse = (problem: string): never => {
    throw new ConfigError(`${problem}${problem.endsWith('?') ? '' : ';'} "${help}" lists the flags.`);
  };
  const flags: Record<string, string | boolean | undefined> = {};
  const words: string[] = [];
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(types).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') {
      words.push(token.value);
      if (words.length <= maxWords) continue;
      refuse(
        `Unexpected argument ${quote(token.value)}: ${maxWords === 0 ? 'all settings are flags' : 'too many arguments'}`,
      );
    }
    // After it, words may start with a dash.
    if (token.kind === 'option-terminator' && maxWords === 0)
      refuse('Unexpected argument "--": all settings are flags');
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (!Object.hasOwn(types, name) || (!rawName.startsWith('--') && types[name]!.short === undefined)) {
      const near = rawName.startsWith('--')
        ? didYouMean(
            rawName,
            Object.keys(types).map((known) => `--${known}`),
          )
        : '';
      refuse(`Unknown option '${shorten(rawName)}'${near}`);
    }
    if (Object.hasOwn(flags, name)) refuse(`${rawName} is given twice`);
    if (types[name]!.type === 'boolean') {
      if (value !== undefined) refuse(`${rawName} takes no value`);
      flags[name] = true;
    } else {
      // A value that starts with two dashes must be given as --flag=--value.
      if (value === undefined || (!inlineValue && value.startsWith('--'))) refuse(`${rawName} needs a value`);
      flags[name] = value;
    }
  }
  return { flags, words };
}

const longestQuote = 100;

/** Quotes a value for a message: on one line, without control characters, shortened to 100 characters. */
export function quote(text: string): string {
  return JSON.stringify(shorten(text)).replace(/[\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
}

function shorten(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}…`;
}
