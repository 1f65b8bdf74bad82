import { ConfigError } from '../config-error.ts';
import { quote } from '../flags.ts';
import { didYouMean } from '../suggestion.ts';
import type { FlagGroup, Verb } from './verb.ts';

const server = (scope: string): FlagGroup => ({
  title: 'Server',
  flags: [
    { name: 'url', value: 'URL', description: 'Where it answers. [POKEWIRE_URL, or http://localhost:8080]' },
    { name: 'token', value: 'TOKEN', description: `Token with scope ${scope}. [POKEWIRE_TOKEN, or none]` },
  ],
});

/** Every command but the server, in the order of the help. */
export const verbs: readonly Verb[] = [
  {
    name: 'export',
    group: 'Whole logs',
    words: [],
    summary: 'Writes all messages of a namespace as NDJSON, one record a line.',
    flagGroups: [
      {
        title: 'Export',
        flags: [
          { name: 'category', value: 'NAME', description: 'Only messages of this category. [all]' },
          {
            name: 'file',
            value: 'FILE',
            description: 'Where to write; a file is replaced when the export is whole. [standard output]',
            choices: 'file',
          },
        ],
      },
      server('read'),
    ],
    load: async () => (await import('./export.ts')).exportLog,
  },
  {
    name: 'import',
    group: 'Whole logs',
    words: [],
    summary: 'Stores the messages of an export, with their positions.',
    flagGroups: [
      {
        title: 'Import',
        flags: [
          {
            name: 'force',
            description:
              'Replaces everything in the namespace, when it is a whole export and all of it has been found good.',
          },
          {
            name: 'allow-incomplete',
            description:
              'Takes what is no whole export: it has no end, as those of EventoDB, or is a part, or is empty.',
          },
          { name: 'file', value: 'FILE', description: 'What to read. [standard input]', choices: 'file' },
        ],
      },
      server('write, or admin for --force'),
    ],
    load: async () => (await import('./import.ts')).importLog,
  },
  {
    name: 'backup',
    group: 'Whole logs',
    words: [{ name: 'FILE', choices: 'file' }],
    summary: 'Copies the whole store of a running server, which can be started on the copy.',
    notes: ['FILE is replaced when the copy is whole.'],
    flagGroups: [server('admin of the namespace default')],
    load: async () => (await import('./backup.ts')).backUp,
  },
  {
    name: 'store init',
    group: 'Server',
    words: [{ name: 'URL' }],
    summary: 'Makes a place for tokens in a database of Message DB.',
    notes: [
      'URL is that of --store, with a role that may create a schema, for example postgres://postgres@localhost/message_store. The schema is called pokewire and keeps hashes of tokens only. Nothing else is changed, and a second time changes nothing.',
    ],
    flagGroups: [
      {
        title: 'Store',
        flags: [
          {
            name: 'role',
            value: 'NAME',
            description: 'Role of the nodes, which is granted the use of it. [message_store]',
          },
        ],
      },
    ],
    load: async () => (await import('./store-init.ts')).initializeStore,
  },
  {
    name: 'help',
    group: 'Shell',
    words: [
      { name: 'COMMAND', isOptional: true },
      { name: 'SUBCOMMAND', isOptional: true },
    ],
    summary: 'Tells about a command, or lists all of them.',
    flagGroups: [],
    load: async () => (await import('./help.ts')).printHelp,
  },
];

/** The command of this name, of one word or two; throws {@link ConfigError} for one that is unknown. */
export function findVerb(name: string): Verb {
  const verb = verbs.find((candidate) => candidate.name === name);
  if (verb !== undefined) return verb;
  const near = didYouMean(name, ['serve', ...verbs.map((candidate) => candidate.name)]) || ';';
  throw new ConfigError(`Unknown command ${quote(name)}${near} "pokewire help" lists the commands.`);
}
