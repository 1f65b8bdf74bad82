import { ConfigError } from '../config-error.ts';

/**
 * Creates Pokewire's own schema in an existing database, and returns a sentence that describes the result. Other
 * engines create their schema when they are opened.
 */
export async function initStore(url: string, role: string): Promise<string> {
  if (!/^postgres(ql)?:/.test(url)) throw new ConfigError('only postgres:// stores need to be initialized');
  const { initSchema } = await import('./postgres/own-schema.ts');
  const { database, wasThere } = await initSchema(url, role);
  const done = wasThere ? 'was there' : 'was created';
  return `The schema pokewire ${done} in database ${database}, and the role ${role} may use it. Start the nodes again.`;
}
