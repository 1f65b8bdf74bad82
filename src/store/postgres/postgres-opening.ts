import type { StoreOpening } from '../store.ts';
import type { OwnSchema } from './own-schema.ts';
import type { PostgresUrl } from './postgres-url.ts';

/** Facts about the database that are logged at the start. */
export function openingOf({ place, database, user, isReadOnly }: PostgresUrl, schema: OwnSchema): StoreOpening {
  const access = isReadOnly ? ', which is only read' : '';
  const tokens =
    schema === 'usable'
      ? 'Tokens and tickets are in its schema pokewire, for all nodes.'
      : 'Until `pokewire store init` has created its tables, no tokens can be created, and tickets are valid only at this node.';
  const grant = `the role ${user ?? 'of this URL'} may not use the schema pokewire: run \`pokewire store init\` with --role`;
  return {
    summary: `Messages are in the Message DB ${database} at ${place}${access}. ${tokens}`,
    warning: schema === 'denied' ? grant : undefined,
  };
}
