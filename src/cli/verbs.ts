import { json, namespace, selector, selectorNote, server } from './shared-flags.ts';
import type { Verb } from './verb.ts';

/** Every command but the server, in the order of the help. */
export const verbs: readonly Verb[] = [
  {
    name: 'doctor',
    group: 'Server',
    words: [],
    summary: 'Measures what proxies do to event streams, as the page /diagnose does.',
    notes: [
      'It looks for what buffers, compresses or cuts event streams, whether refusals come through as they are, and whether the clocks agree. It takes some 20 seconds, touches no message, and exits with 1 when a check has failed.',
    ],
    flagGroups: [
      {
        title: 'Doctor',
        flags: [
          {
            name: 'silence',
            value: 'SECONDS',
            description:
              'How long a stream without heartbeats is kept silent, 1 to 900. Proxies often cut after 60. [10]',
          },
          { name: 'json', description: 'All verdicts as one line of JSON.' },
        ],
      },
      server('read'),
    ],
    load: async () => (await import('./doctor.ts')).diagnose,
  },
  {
    name: 'bench',
    group: 'Server',
    words: [],
    summary: 'Loads a server for some seconds and tells times, throughput and memory.',
    notes: [
      'It opens subscriptions, appends messages to a category of its own, and erases them where the token may (scope admin); the names of its streams stay. Ctrl-C erases them, too; a second one ends it at once. It takes less than 20 seconds. A machine other than this one must be given by --url. What a server can do, load tests tell better: see docs/benchmarks.md.',
    ],
    flagGroups: [
      {
        title: 'Bench',
        flags: [
          { name: 'subscribers', value: 'N', description: 'Subscriptions, 1 to 1000. [100]' },
          { name: 'publishers', value: 'N', description: 'Appends at a time, 1 to 64. [4]' },
          { name: 'seconds', value: 'N', description: 'How long, 1 to 10. [5]' },
          { name: 'bytes', value: 'N', description: 'Data of a message, 1 to 10000. [100]' },
          { name: 'json', description: 'The result as one line of JSON.' },
        ],
      },
      server('write and read, admin to erase and for memory'),
    ],
    load: async () => (await import('./bench.ts')).bench,
  },
  {
    name: 'append',
    group: 'Messages',
    words: [{ name: 'STREAM' }, { name: 'TYPE', isOptional: true }, { name: 'DATA', isOptional: true }],
    summary: 'Stores a message, or those of its input.',
    notes: [
      `DATA is a JSON object, or - for standard input; without it {}. Example: pokewire append account-123 Deposited '{"amount":100}'`,
      'Without TYPE the input has the messages, one a line, each like {"type":"Deposited","data":{"amount":100}}. They are stored together or not at all.',
    ],
    flagGroups: [
      {
        title: 'Append',
        flags: [
          {
            name: 'expected-version',
            value: 'N',
            description: 'Position that the last message of the stream must have; -1: it must have none.',
          },
          { name: 'id', value: 'UUID', description: 'Id of the message: repeated with it, it is stored once.' },
          { name: 'metadata', value: 'JSON', description: 'Metadata of the message, a JSON object.' },
          { name: 'json', description: 'Prints the answer of the server.' },
        ],
      },
      server('write'),
    ],
    load: async () => (await import('./append.ts')).appendMessages,
  },
  {
    name: 'read',
    group: 'Messages',
    words: [selector],
    summary: 'Prints messages up to the end of the log.',
    notes: [selectorNote],
    flagGroups: [
      {
        title: 'Read',
        flags: [
          {
            name: 'position',
            value: 'N',
            description: 'Where to begin: in a stream a position of it, else a global position. [the first message]',
          },
          { name: 'since', value: 'WHEN', description: 'Begins so long ago (90s, 30m, 2h, 7d), or at a date.' },
          { name: 'last', short: 'n', value: 'N', description: 'Begins with the last so many messages.' },
          { name: 'limit', value: 'N', description: 'Ends after so many messages.' },
          json('Messages'),
        ],
      },
      server('read'),
    ],
    load: async () => (await import('./read.ts')).readMessages,
  },
  {
    name: 'tail',
    group: 'Messages',
    words: [selector],
    summary: 'Prints the last messages, and each new one as it comes.',
    notes: [
      selectorNote,
      'It comes back by itself when the server restarts, goes on behind the last message it printed, and says on standard error when it is away or behind. Ctrl-C ends it. Example: pokewire tail category:account -n 10 --json | jq .data',
    ],
    flagGroups: [
      {
        title: 'Tail',
        flags: [
          { name: 'last', short: 'n', value: 'N', description: 'Begins with the last so many messages. [10]' },
          { name: 'since', value: 'WHEN', description: 'Begins so long ago instead (90s, 30m, 2h, 7d), or at a date.' },
          json('Messages'),
        ],
      },
      server('read'),
    ],
    load: async () => (await import('./tail.ts')).tailMessages,
  },
  {
    name: 'streams',
    group: 'Messages',
    words: [{ name: 'PREFIX', isOptional: true }],
    summary: 'Lists the streams whose names begin so, or all of them.',
    flagGroups: [
      {
        title: 'Streams',
        flags: [{ name: 'categories', description: 'Lists categories instead.' }, json('Entries')],
      },
      server('read'),
    ],
    load: async () => (await import('./streams.ts')).listStreams,
  },
  {
    name: 'groups',
    group: 'Messages',
    words: [{ name: 'GROUP', isOptional: true }],
    summary: 'Shows who owns what of consumer groups, how far behind it is, and what is held.',
    notes: ['Lag is counted up to 10,000 messages. Parked streams wait for an administrator: see docs/groups.md.'],
    flagGroups: [
      {
        title: 'Groups',
        flags: [
          {
            name: 'plan',
            value: 'SIZE',
            description: 'Shows what another number of partitions would change instead, 1 to 1024.',
          },
          json('Groups'),
        ],
      },
      server('read'),
    ],
    load: async () => (await import('./groups.ts')).showGroups,
  },
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
    summary: 'Makes a place for tokens and tickets in a database of Message DB.',
    notes: [
      'URL is that of --store, with a role that may create a schema, for example postgres://postgres@localhost/message_store. The schema is called pokewire and keeps hashes only. Nothing else is changed, and a second time changes nothing.',
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
    name: 'token create',
    group: 'Access',
    words: [],
    summary: 'Makes a token and prints it, this once.',
    flagGroups: [
      {
        title: 'Token',
        flags: [
          namespace,
          {
            name: 'scope',
            value: 'SCOPE',
            description: 'read, write or admin, each with what comes before it. [read]',
            choices: ['read', 'write', 'admin'],
          },
          { name: 'label', value: 'TEXT', description: 'What it is for, for lists.' },
          { name: 'expires', value: 'WHEN', description: 'In so long (90s, 30m, 2h, 7d), or at a date. [never]' },
          { name: 'json', description: 'Prints it as JSON, with its id.' },
        ],
      },
      server('admin'),
    ],
    load: async () => (await import('./token.ts')).createToken,
  },
  {
    name: 'token list',
    group: 'Access',
    words: [],
    summary: 'Lists the tokens of a namespace by id, without what opens.',
    flagGroups: [{ title: 'Token', flags: [namespace, json('Entries')] }, server('admin')],
    load: async () => (await import('./token.ts')).listTokens,
  },
  {
    name: 'token revoke',
    group: 'Access',
    words: [{ name: 'ID' }],
    summary: 'Revokes the token of this id; what it opened ends within a second.',
    flagGroups: [{ title: 'Token', flags: [namespace] }, server('admin')],
    load: async () => (await import('./token.ts')).revokeToken,
  },
  {
    name: 'token generate',
    group: 'Access',
    words: [],
    summary: 'Prints a random token for --token of a server, which it does not ask.',
    flagGroups: [
      {
        title: 'Token',
        flags: [{ name: 'namespace', value: 'ID', description: 'Namespace that it is for. [default]' }],
      },
    ],
    load: async () => (await import('./token.ts')).generateToken,
  },
  {
    name: 'completion',
    group: 'Shell',
    words: [{ name: 'SHELL', choices: ['bash', 'zsh', 'fish'] }],
    summary: 'Prints a script that completes commands and flags in bash, zsh or fish.',
    notes: ['For bash add this line to ~/.bashrc: source <(pokewire completion bash)'],
    flagGroups: [],
    load: async () => (await import('./completion.ts')).printCompletion,
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
