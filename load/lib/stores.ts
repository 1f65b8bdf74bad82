import { type DatabaseFolder, storeFlags } from './database.ts';
import type { Context } from './scenario.ts';
import { pokewire, type ServerCores, type Target } from './target.ts';

/** Pokewire with each local store. The durable store gets a new database at every start. */
export function storeTargets({ root, profileDir }: Context, folder: DatabaseFolder, cores: ServerCores): Target[] {
  const options = { root, cores, ...(profileDir === undefined ? {} : { profileDir }) };
  const sqlite = pokewire({ ...options, name: 'sqlite' });
  return [
    pokewire({ ...options, name: 'memory' }),
    { ...sqlite, start: (flags = []) => sqlite.start([...storeFlags(folder.fresh()), ...flags]) },
  ];
}
