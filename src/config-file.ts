import { readFile, stat } from 'node:fs/promises';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { type Config, flagOf, settingNames } from './config.ts';
import { ConfigError } from './config-error.ts';
import { quote } from './flags.ts';
import type { GivenValue } from './setting-values.ts';
import { didYouMean } from './suggestion.ts';

/** A setting in a file, with its location: `pokewire.yaml:3`. */
export type FileEntry = { readonly value: GivenValue; readonly place: string };

export type ConfigFile = { readonly path: string; readonly entries: ReadonlyMap<keyof Config, FileEntry> };

/** Read from the working directory if it exists and no other file is named. */
export const defaultConfigPath = 'pokewire.yaml';

/** All settings fit into a few kilobytes, so a larger file is something else. */
const maxFileBytes = 1_048_576;

/** Reads a configuration file; undefined means the default one, an empty name none. Throws {@link ConfigError}. */
export async function readConfigFile(path: string | undefined): Promise<ConfigFile | undefined> {
  if (path === '') return undefined;
  const named = path ?? defaultConfigPath;
  try {
    if ((await stat(named)).size > maxFileBytes)
      throw new ConfigError(`${named} is larger than ${maxFileBytes} bytes.`);
    return parseConfigFile(named, await readFile(named));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && path === undefined) return undefined;
    // Node appends the system call and the path.
    throw new ConfigError(`The configuration file ${named} cannot be read: ${message.split(', ', 1)[0]}.`);
  }
}

/** Parses a YAML map whose keys are named like flags. Throws {@link ConfigError} with file, line and key. */
export function parseConfigFile(path: string, bytes: Uint8Array): ConfigFile {
  const lines = new LineCounter();
  const text = decode(path, bytes);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeOf = (at: number | undefined) => `${path}:${lines.linePos(at ?? 0).line}`;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    throw new ConfigError(`${placeOf(problem.pos[0])}: not valid YAML: ${problem.message.split('\n', 1)[0]}`);
  }
  const { contents } = document;
  const entries = new Map<keyof Config, FileEntry>();
  if (contents === null || (isScalar(contents) && contents.value === null)) return { path, entries };
  if (!isMap(contents)) throw new ConfigError(`${placeOf(contents.range?.[0])}: settings are lines like "port: 8080".`);
  for (const { key, value } of contents.items) {
    const at = isScalar(key) ? key.range?.[0] : undefined;
    const word = isScalar(key) ? String(key.value) : '';
    const place = placeOf(at ?? (contents.range?.[0] as number));
    const name = settingNames.find((candidate) => flagOf(candidate) === word);
    if (name === undefined) {
      const near = didYouMean(word, settingNames.map(flagOf)) || '.';
      throw new ConfigError(`${place}: unknown key ${quote(word)}${near} "pokewire help serve" lists the settings.`);
    }
    entries.set(name, { place, value: givenValue(value, `${place}: ${word}`) });
  }
  return { path, entries };
}

/** The source text, so that it is checked like a flag: 1.0, 0x10 and 1e3 are not integers in a file either. */
function givenValue(node: unknown, called: string): GivenValue {
  if (isSeq(node)) return node.items.map((item) => textOf(item, called));
  return textOf(node, called);
}

function textOf(node: unknown, called: string): string {
  if (!isScalar(node)) throw new ConfigError(`${called} must be a value or a list of values.`);
  if (node.value === null)
    throw new ConfigError(`${called} has no value; leave the line out, or write "" for an empty one.`);
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${path} is not UTF-8.`);
  }
}
