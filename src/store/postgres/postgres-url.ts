import { StoreUrlReader } from '../shared/store-url.ts';

/** A server; `host` is a name, an address, or the directory of a Unix socket. */
export type PostgresServer = { readonly host: string; readonly port: number };

/** `postgres://message_store@localhost:5432/message_store?readonly=true`: where the database is, and how to use it. */
export type PostgresUrl = {
  /** One server, or a primary and its standbys, tried in this order. */
  readonly servers: readonly PostgresServer[];
  /** The servers, for display. */
  readonly place: string;
  readonly user: string | undefined;
  /** Undefined: from `PGPASSWORD`, or none. */
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: 'disable' | 'require' | 'verify-full';
  /** Refuses appends; other programs write. */
  readonly isReadOnly: boolean;
  /** A channel that a trigger on the table notifies; used in addition to polling. */
  readonly notify: string | undefined;
  /** Pins the epoch of the log, for standbys that lose nothing. */
  readonly epoch: string | undefined;
  /** Number of connections that append. */
  readonly lanes: number;
  /** Consecutive transactions may run on different database connections, as with pgbouncer in transaction mode. */
  readonly isPooled: boolean;
};

const reader = new StoreUrlReader(
  'postgres://USER@HOST:PORT,HOST:PORT/DATABASE, with ?readonly=true, &notify=CHANNEL, &epoch=NAME, &lanes=1 to 16, ' +
    '&pooled=true, &sslmode=disable, require or verify-full',
);

/** Parses the `--store` URL. Throws a `ConfigError` that never contains the password. */
export function parsePostgresUrl(url: string): PostgresUrl {
  const each = reader.parseEach(url);
  const servers = each.map(({ hostname, port }) => {
    // Brackets around an IPv6 address belong to the URL only.
    const host = reader.decode(hostname).replace(/^\[(.*)\]$/, '$1');
    return { host, port: port === '' ? 5_432 : Number(port) };
  });
  const { username, password, pathname, hash } = each[0]!;
  const database = reader.decode(pathname.slice(1));
  if (servers.some(({ host }) => host === '')) throw reader.refusal('it names no host');
  if (hash !== '' || database === '' || database.includes('/')) throw reader.refusal('it names no database');
  const defaults = { readonly: 'false', notify: '', epoch: '', lanes: '4', pooled: 'false', sslmode: 'disable' };
  const { readonly, notify, epoch, lanes, pooled, sslmode } = reader.parameters(each[0]!, defaults);
  if (readonly !== 'true' && readonly !== 'false') throw reader.refusal(`readonly is true or false, not ${readonly}`);
  if (!/^([a-z_][a-z0-9_]{0,62})?$/.test(notify))
    throw reader.refusal(`notify is the name of a channel, not ${notify}`);
  if (!/^[\w-]{0,64}$/.test(epoch)) {
    throw reader.refusal(`epoch is up to 64 letters, digits, hyphens and underscores, not ${epoch}`);
  }
  if (!/^([1-9]|1[0-6])$/.test(lanes)) throw reader.refusal(`lanes is a number from 1 to 16, not ${lanes}`);
  if (pooled !== 'true' && pooled !== 'false') throw reader.refusal(`pooled is true or false, not ${pooled}`);
  if (pooled === 'true' && notify !== '') throw reader.refusal('what notifies cannot be heard with pooled=true');
  if (sslmode !== 'disable' && sslmode !== 'require' && sslmode !== 'verify-full') {
    throw reader.refusal(`sslmode is disable, require or verify-full, not ${sslmode}`);
  }
  return {
    servers,
    place: servers.map(({ host, port }) => `${host}:${port}`).join(', '),
    user: reader.decode(username) || undefined,
    password: reader.decode(password) || undefined,
    database,
    tls: sslmode,
    isReadOnly: readonly === 'true',
    notify: notify || undefined,
    epoch: epoch || undefined,
    lanes: Number(lanes),
    isPooled: pooled === 'true',
  };
}
