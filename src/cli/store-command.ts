import { ConfigError } from '../config-error.ts';
import { readFlags } from '../flags.ts';
import { initStore } from '../store/init-store.ts';

const help = 'pokewire store init --help';

const helpText = `pokewire store init URL [flags]   makes a place for tokens in a database of Message DB

  --role    Role of the nodes, which is granted the use of it. [message_store]
  --help    This text.

URL is that of --store, with a role that may create a schema, for example postgres://postgres@localhost/message_store.
The schema is called pokewire and keeps hashes of tokens only. Nothing else is changed, and a second time changes nothing.
`;

/** Runs `pokewire store …` and returns what to print. Throws {@link ConfigError} for a wrong call and for what it cannot do. */
export async function runStoreCommand([name, ...args]: readonly string[]): Promise<string> {
  if (name !== 'init') throw new ConfigError(`The only command on stores is "pokewire store init URL"; see "${help}".`);
  const flags = readFlags(
    args,
    { url: { type: 'string' }, role: { type: 'string' }, help: { type: 'boolean' } },
    help,
    'url',
  );
  if (flags.help === true) return helpText;
  const { url, role = 'message_store' } = flags;
  if (typeof url !== 'string') throw new ConfigError(`A URL is needed: pokewire store init URL; see "${help}".`);
  if (typeof role !== 'string' || role === '') throw new ConfigError('--role cannot be empty.');
  return initStore(url, role);
}
