import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.ts';
import { didYouMean } from './suggestion.ts';

/** What flags there are, which of them take a value, and which have a letter of their own. */
export type FlagTypes = Readonly<
  Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string | undefined }>
>;

/** What a command line says. */
export type CommandLine = {
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Arguments without a name, in their order. */
  readonly words: readonly string[];
};

/**
 * Reads a command line, the same way for the server and its subcommands. Throws {@link ConfigError} for anything but known
 * flags, each given once, and at most so many words; `help` is the command that lists them. `parseArgs` in its strict mode
 * takes the last of two equal flags, and words its refusals on several lines.
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
        `Unexpected argument ${quote(token.value)}: ${maxWords === 0 ? 'all settings are flags' : 'it is one too many'}`,
      );
    }
    // Behind it, words may begin with a dash.
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
      // What looks like the next flag is one: a value that begins so is given as --flag=--value.
      if (value === undefined || (!inlineValue && value.startsWith('--'))) refuse(`${rawName} needs a value`);
      flags[name] = value;
    }
  }
  return { flags, words };
}

const longestQuote = 100;

/** A value as a message may repeat it: on one line, without control characters, and not endless. */
export function quote(text: string): string {
  return JSON.stringify(shorten(text)).replace(/[\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
}

function shorten(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}…`;
}
