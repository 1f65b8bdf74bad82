import { describe, expect, test } from 'vitest';
import type { StoreCapabilities } from '../../src/store/capabilities.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { natsCapabilities } from '../../src/store/nats/nats-capabilities.ts';
import { measureNats } from '../../src/store/nats/nats-metrics.ts';
import { parseNatsUrl } from '../../src/store/nats/nats-url.ts';
import { postgresCapabilities } from '../../src/store/postgres/postgres-capabilities.ts';
import { measurePostgres } from '../../src/store/postgres/postgres-metrics.ts';
import { parsePostgresUrl } from '../../src/store/postgres/postgres-url.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { parseSqliteUrl } from '../../src/store/sqlite/sqlite-url.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { pokePool } from '../support/fake-messages.ts';
import { readText } from '../support/monitoring.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const page = readText('docs/stores.md');

/** Cells of a table's rows, after its header row. */
function rowsBehind(heading: string): string[][] {
  const [, behind = ''] = page.split(`\n${heading}\n`);
  const [table = ''] = behind.split('\n\n');
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));
}

function shown(capabilities: StoreCapabilities) {
  const entries = Object.entries(capabilities);
  return Object.fromEntries(entries.map(([name, value]) => [name, shownValue(value)]));
}

function shownValue(value: string | boolean | number): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value === Number.POSITIVE_INFINITY ? 'any' : String(value);
}

async function sqliteCapabilities(): Promise<StoreCapabilities> {
  using folder = new TemporaryFolder();
  const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1 };
  const store = await SqliteStore.open(`sqlite:${folder.file('a.db')}`, { pokes: pokePool(), ...limits }, serveHere);
  await store.close();
  return store.capabilities;
}

describe('The page about stores', () => {
  test('lists the capabilities of each engine.', async () => {
    const rows = rowsBehind('| capability | what it means | `memory:` | `sqlite:` | `postgres:` | `nats:` |');
    const column = (at: number) => Object.fromEntries(rows.map((cells) => [cells[1], cells[at]]));
    expect(column(3)).toEqual(shown(new MemoryStore(new MemoryStorage(), pokePool()).capabilities));
    expect(column(4)).toEqual(shown(await sqliteCapabilities()));
    expect(column(5)).toEqual(shown(postgresCapabilities(parsePostgresUrl('postgres://host/db'), 'usable')));
    expect(column(6)).toEqual(shown(natsCapabilities));
  });

  test('lists the parameters of the URL with their defaults.', () => {
    const { sync, reserveBytes, isNewEpochAsked } = parseSqliteUrl('sqlite:a.db');
    expect(rowsBehind('| parameter | default | meaning |').map((cells) => [cells[1], cells[2]])).toEqual([
      ['sync', sync],
      ['reserve', String(reserveBytes)],
      ['newEpoch', String(isNewEpochAsked)],
    ]);
    for (const [, query] of page.matchAll(/sqlite:[/\w.]+\?([\w=&]+)/g)) {
      expect(() => parseSqliteUrl(`sqlite:a.db?${query}`)).not.toThrow();
    }
  });

  test('lists the parameters of a PostgreSQL URL with their defaults.', () => {
    const { isReadOnly, notify, epoch, lanes, isPooled, tls } = parsePostgresUrl('postgres://host/db');
    expect(rowsBehind('| URL parameter | default | meaning |').map((cells) => [cells[1], cells[2]])).toEqual([
      ['readonly', String(isReadOnly)],
      ['notify', notify ?? 'none'],
      ['epoch', epoch ?? 'none'],
      ['lanes', String(lanes)],
      ['pooled', String(isPooled)],
      ['sslmode', tls],
    ]);
    for (const [, url = ''] of page.matchAll(/(?:--store '?|`)(postgres:\/\/\w[^\s'`]+)/g))
      expect(parsePostgresUrl(url)).toBeDefined();
  });

  test('lists the metrics of a PostgreSQL store.', async () => {
    const metrics = new Metrics('0');
    const before = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
    const settled = () => {
      throw new Error('nothing is scraped');
    };
    measurePostgres(metrics, { settled, lanes: [], connections: [] });
    const names = metrics.registry.getMetricsAsArray().map(({ name }) => name);
    expect(rowsBehind('| metric | type | meaning |').map((cells) => cells[1])).toEqual(
      names.filter((name) => !before.has(name)),
    );
  });

  test('lists the parameters of a NATS URL with their defaults.', () => {
    const url = parseNatsUrl('nats://host');
    const { replicas, credsFile, tls, caFile, certFile, keyFile, windowMs, maxAgeMs, maxMessages, maxBytes } = url;
    expect(rowsBehind('| NATS URL parameter | default | meaning |').map((cells) => [cells[1], cells[2]])).toEqual([
      ['replicas', replicas ?? 'none'],
      ['creds', credsFile ?? 'none'],
      ['tls', tls],
      ['ca', caFile ?? 'none'],
      ['cert', certFile ?? 'none'],
      ['key', keyFile ?? 'none'],
      ...Object.entries({ windowMs, maxAgeMs, maxMessages, maxBytes }).map(([name, value]) => [name, String(value)]),
    ]);
    for (const [, url = ''] of page.matchAll(/--store '?(nats:[^\s']+)/g)) expect(parseNatsUrl(url)).toBeDefined();
  });

  test('lists the metrics of a NATS store.', () => {
    const metrics = new Metrics('0');
    const before = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
    const link = { breaks: 0, requests: 0, underWay: 0, isConnected: true };
    const none = () => 0;
    measureNats(metrics, {
      link,
      appender: { retries: 0, busyStreams: 0 },
      reader: { keptCount: 0 },
      followed: none,
      restarts: none,
    });
    const names = metrics.registry.getMetricsAsArray().map(({ name }) => name);
    expect(rowsBehind('| NATS metric | type | meaning |').map((cells) => cells[1])).toEqual(
      names.filter((name) => !before.has(name)),
    );
  });

  test('shows URLs that the store accepts.', () => {
    const urls = [...page.matchAll(/--store '?(sqlite:[^\s']+)/g)].map(([, url = '']) => parseSqliteUrl(url).path);
    expect(urls).toEqual(['pokewire.db', '/var/lib/pokewire/pokewire.db']);
  });
});
