import type { StoreCapabilities } from '../capabilities.ts';
import type { OwnSchema } from './own-schema.ts';
import type { PostgresUrl } from './postgres-url.ts';

/** Capabilities for a Message DB, which other programs use too. */
export function postgresCapabilities({ isReadOnly }: PostgresUrl, schema: OwnSchema): StoreCapabilities {
  return {
    namespaces: 'one',
    tokens: schema === 'usable' ? 'stored' : 'process',
    appends: !isReadOnly,
    largestAppend: Number.POSITIVE_INFINITY,
    imports: false,
    replacements: false,
    durable: true,
    backups: false,
    verbatim: false,
    byteLimit: false,
    retention: false,
    erasure: false,
    listOrder: 'store',
    counts: 'estimated',
  };
}
