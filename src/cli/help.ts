import { findVerb } from './find-verb.ts';
import type { Invocation } from './invocation.ts';
import { writeText } from './output.ts';
import { serve } from './serve.ts';
import type { Terminal } from './terminal.ts';
import { type Description, type Flag, flagsOf } from './verb.ts';
import { verbs } from './verbs.ts';

const width = 80;
/** Column of the descriptions. A longer flag has its description on the next line. */
const indent = 26;

/** `pokewire help`: describes one command, or lists all of them. */
export async function printHelp({ words }: Invocation, { stdout }: Terminal): Promise<void> {
  const subcommands = verbs.filter(({ name }) => words.length === 1 && name.startsWith(`${words[0]} `));
  const texts = subcommands.map(({ name }) => helpOf(name));
  await writeText(stdout, texts.join('\n') || (words.length === 0 ? overview() : helpOf(words.join(' '))));
}

/** All commands by group. */
export function overview(): string {
  const all = commands();
  const groups = [...new Set(all.map(({ group }) => group))].flatMap((title) => {
    const rows = all.filter(({ group }) => group === title).map((verb) => row(usageOf(verb), verb.summary));
    return [`${title}:`, ...rows, ''];
  });
  return [
    'pokewire [SETTINGS]       starts the server',
    'pokewire COMMAND [FLAGS]  runs a command, usually against a running server',
    '',
    ...groups,
    'Common settings:',
    ...flagsOf(serve)
      .filter(({ name }) => ['port', 'store', 'token', 'config'].includes(name))
      .map(flagRow),
    '',
    ...wrap('"pokewire help COMMAND" lists the flags of a command, "pokewire help serve" all settings of the server.'),
    '',
  ].join('\n');
}

/** The flags of a command by group; throws a `ConfigError` for an unknown command. */
export function helpOf(name: string): string {
  const verb = name === 'serve' ? serve : findVerb(name);
  const groups = verb.flagGroups.flatMap(({ title, flags }) => [`${title}:`, ...flags.map(flagRow), '']);
  return [
    `pokewire ${usageOf(verb)}${verb.flagGroups.length > 0 ? ' [FLAGS]' : ''}`,
    '',
    ...wrap(verb.summary),
    '',
    ...groups,
    ...(verb.notes ?? []).flatMap((note) => [...wrap(note), '']),
  ].join('\n');
}

/** All commands, the server first. */
export function commands(): readonly Description[] {
  return [serve, ...verbs];
}

/** `append STREAM [TYPE] [DATA]` */
export function usageOf({ name, words }: Description): string {
  return [name, ...words.map((word) => (word.isOptional === true ? `[${word.name}]` : word.name))].join(' ');
}

function flagRow({ name, short, value, description }: Flag): string {
  const letter = short === undefined ? '' : `-${short}, `;
  // VALUE after each of forty settings would only be noise.
  const shown = value === undefined || value === 'VALUE' ? '' : ` ${value}`;
  return row(`${letter}--${name}${shown}`, description);
}

function row(left: string, description: string): string {
  const lines = wrap(description, width - indent);
  const head = `  ${left}`;
  const fits = head.length <= indent - 2;
  const first = fits ? [head.padEnd(indent) + lines[0]] : [head, ' '.repeat(indent) + lines[0]];
  return [...first, ...lines.slice(1).map((line) => ' '.repeat(indent) + line)].join('\n');
}

function wrap(text: string, columns = width): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
