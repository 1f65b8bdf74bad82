import { json, selector, selectorNote, server } from './shared-flags.ts';
import { tokenVerbs } from './token-verbs.ts';
import type { Verb } from './verb.ts';

/** Every command except the server, in the order of the help. */
export const verbs: readonly Verb[] = [
  {
    name: 'doctor',
    group: 'Server',
    words: [],
    summary: 'Measures what proxies do to event streams, as the page /diagnose does.',
    notes: [
      'It detects proxies that buffer, compress or cut event streams or replace error responses, and compares the clocks. It takes about 20 seconds, touches no message, and exits with 1 if a check fails.',
    ],
    flagGroups: [
      {
        title: 'Doctor',
        flags: [
          {
            name: 'silence',
            value: 'SECONDS',
            description:
              'How long to keep a stream silent without heartbeats, 1 to 900. Proxies often cut after 60. [10]',
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
    summary: 'Puts load on a server for some seconds and reports latency, throughput and memory.',
    notes: [
      'It opens subscriptions, appends messages to a category of its own, and erases them afterwards if the token has scope admin; the names of its streams remain. Ctrl-C erases them, too; a second Ctrl-C stops at once. It takes less than 20 seconds. Another machine must be named with --url. For the limits of a server, see the load tests in docs/benchmarks.md.',
    ],
    flagGroups: [
      {
        title: 'Bench',
        flags: [
          { name: 'subscribers', value: 'N', description: 'Number of subscriptions, 1 to 1000. [100]' },
          { name: 'publishers', value: 'N', description: 'Concurrent appends, 1 to 64. [4]' },
          { name: 'seconds', value: 'N', description: 'Duration, 1 to 10. [5]' },
          { name: 'bytes', value: 'N', description: 'Bytes of data per message, 1 to 10000. [100]' },
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
    summary: 'Appends a message, or the messages in its input.',
    notes: [
      `DATA is a JSON object, or - for standard input. Default: {}. Example: pokewire append account-123 Deposited '{"amount":100}'`,
      'Without TYPE, standard input holds one message per line, such as {"type":"Deposited","data":{"amount":100}}. They are stored together or not at all.',
    ],
    flagGroups: [
      {
        title: 'Append',
        flags: [
          {
            name: 'expected-version',
            value: 'N',
            description: 'Position that the last message of the stream must have; -1: it must never have had one.',
          },
          {
            name: 'id',
            value: 'UUID',
            description: 'Id of the message. An append repeated with the same id is stored once.',
          },
          { name: 'metadata', value: 'JSON', description: 'Metadata of the message, a JSON object.' },
          { name: 'json', description: "Prints the server's answer." },
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
            description: 'First position: of the stream if WHAT is a stream, else global. [the first message]',
          },
          { name: 'since', value: 'WHEN', description: 'Starts this long ago (90s, 30m, 2h, 7d), or at a date.' },
          { name: 'last', short: 'n', value: 'N', description: 'Starts with the last N messages.' },
          { name: 'limit', value: 'N', description: 'Stops after N messages.' },
          json('messages'),
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
    summary: 'Prints the last messages, then each new one as it arrives.',
    notes: [
      selectorNote,
      'It reconnects when the server restarts, continues after the last message it printed, and reports on standard error while it is disconnected or behind. Ctrl-C stops it. Example: pokewire tail category:account -n 10 --json | jq .data',
    ],
    flagGroups: [
      {
        title: 'Tail',
        flags: [
          { name: 'last', short: 'n', value: 'N', description: 'Starts with the last N messages. [10]' },
          {
            name: 'since',
            value: 'WHEN',
            description: 'Starts this long ago instead (90s, 30m, 2h, 7d), or at a date.',
          },
          json('messages'),
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
    summary: 'Lists all streams, or those whose names start with PREFIX.',
    flagGroups: [
      {
        title: 'Streams',
        flags: [{ name: 'categories', description: 'Lists categories instead.' }, json('entries')],
      },
      server('read'),
    ],
    load: async () => (await import('./streams.ts')).listStreams,
  },
  {
    name: 'groups',
    group: 'Messages',
    words: [{ name: 'GROUP', isOptional: true }],
    summary: 'Shows consumer groups: owners of partitions, their lag, and held streams.',
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
          json('groups'),
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
    summary: 'Writes all messages of a namespace as NDJSON, one record per line.',
    flagGroups: [
      {
        title: 'Export',
        flags: [
          { name: 'category', value: 'NAME', description: 'Only messages of this category. [all]' },
          {
            name: 'file',
            value: 'FILE',
            description: 'File to write, replaced only by a complete export. [standard output]',
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
    summary: 'Stores the messages of an export, keeping their positions.',
    flagGroups: [
      {
        title: 'Import',
        flags: [
          {
            name: 'force',
            description: 'Replaces everything in the namespace, once the whole export has been read and validated.',
          },
          {
            name: 'allow-incomplete',
            description: 'Accepts input without the end record of an export: from EventoDB, partial or empty.',
          },
          { name: 'file', value: 'FILE', description: 'File to read. [standard input]', choices: 'file' },
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
    summary: 'Copies the whole store of a running server; a server can start on the copy.',
    notes: ['FILE is replaced only by a complete copy.'],
    flagGroups: [server('admin of the namespace default')],
    load: async () => (await import('./backup.ts')).backUp,
  },
  {
    name: 'store init',
    group: 'Server',
    words: [{ name: 'URL' }],
    summary: 'Creates the tables for tokens, tickets and groups in a Message DB database.',
    notes: [
      'URL is the --store URL with a role that may create a schema, for example postgres://postgres@localhost/message_store. The schema is called pokewire and holds only hashes of tokens and tickets. The command changes nothing else and can be repeated.',
    ],
    flagGroups: [
      {
        title: 'Store',
        flags: [
          {
            name: 'role',
            value: 'NAME',
            description: 'Role of the nodes, which gets access to it. [message_store]',
          },
        ],
      },
    ],
    load: async () => (await import('./store-init.ts')).initializeStore,
  },
  ...tokenVerbs,
  {
    name: 'completion',
    group: 'Shell',
    words: [{ name: 'SHELL', choices: ['bash', 'zsh', 'fish'] }],
    summary: 'Prints the completion script for bash, zsh or fish.',
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
    summary: 'Describes a command, or lists all commands.',
    flagGroups: [],
    load: async () => (await import('./help.ts')).printHelp,
  },
];
