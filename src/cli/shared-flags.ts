import type { Flag, FlagGroup, Word } from './verb.ts';

/** The flags of every command that sends requests to a server. */
export const server = (scope: string): FlagGroup => ({
  title: 'Server',
  flags: [
    { name: 'url', value: 'URL', description: 'URL of the server. [POKEWIRE_URL, or http://localhost:8080]' },
    { name: 'token', value: 'TOKEN', description: `Token with scope ${scope}. [POKEWIRE_TOKEN, or none]` },
  ],
});

export const json = (what: string): Flag => ({ name: 'json', description: `Prints ${what} as JSON, one per line.` });

/** Read by `parseSelected`. */
export const selector: Word = { name: 'WHAT' };
export const selectorNote =
  'WHAT is category:account, stream:account-123 or all. A bare name with a hyphen is a stream: account-123.';

export const namespace: Flag = {
  name: 'namespace',
  value: 'ID',
  description: 'Namespace of the tokens. [the one of the token in use]',
};
