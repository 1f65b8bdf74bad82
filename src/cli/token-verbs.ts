import { json, namespace, server } from './shared-flags.ts';
import type { Verb } from './verb.ts';

/** Commands for tokens, in the order of the help. */
export const tokenVerbs: readonly Verb[] = [
  {
    name: 'token create',
    group: 'Access',
    words: [],
    summary: 'Creates a token and prints it; it is not shown again.',
    flagGroups: [
      {
        title: 'Token',
        flags: [
          namespace,
          {
            name: 'scope',
            value: 'SCOPE',
            description: 'read, write or admin; each includes the ones before it. [read]',
            choices: ['read', 'write', 'admin'],
          },
          { name: 'label', value: 'TEXT', description: 'Description of the token, shown in lists.' },
          { name: 'expires', value: 'WHEN', description: 'After this long (90s, 30m, 2h, 7d), or at a date. [never]' },
          { name: 'json', description: 'Prints the token as JSON, with its id.' },
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
    summary: 'Lists the tokens of a namespace by id, without their secrets.',
    flagGroups: [{ title: 'Token', flags: [namespace, json('entries')] }, server('admin')],
    load: async () => (await import('./token.ts')).listTokens,
  },
  {
    name: 'token revoke',
    group: 'Access',
    words: [{ name: 'ID' }],
    summary: 'Revokes a token; its subscriptions end within a second.',
    flagGroups: [{ title: 'Token', flags: [namespace] }, server('admin')],
    load: async () => (await import('./token.ts')).revokeToken,
  },
  {
    name: 'token generate',
    group: 'Access',
    words: [],
    summary: 'Prints a random token for --token, without contacting a server.',
    flagGroups: [
      {
        title: 'Token',
        flags: [{ name: 'namespace', value: 'ID', description: 'Namespace of the token. [default]' }],
      },
    ],
    load: async () => (await import('./token.ts')).generateToken,
  },
];
