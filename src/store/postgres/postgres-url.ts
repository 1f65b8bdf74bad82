import { StoreUrlReader } from '../shared/store-url.ts';

/** `postgres://message_store@localhost:5432/message_store?readonly=true`: where the database is, and how it is used. */
export type PostgresUrl = {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  /** Undefined: `PGPASSWORD`, or none. */
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: 'disable' | 'require' | 'verify-full';
  /** Appends are refused: others write. */
  readonly isReadOnly: boolean;
  /** A channel that a trigger on the table notifies; heard in addition to the poll. */
  readonly notify: string | undefined;
  /** Pins the epoch of the log, for standbys that lose nothing. */
  readonly epoch: string | undefined;
  /** Connections that append. */
  readonly lanes: number;
};

const reader = new StoreUrlReader(
  'postgres://USER@HOST:PORT/DATABASE, with ?readonly=true, &notify=CHANNEL, &epoch=NAME, &lanes=1 to 16, ' +
    '&sslmode=disable, require or verify-full',
);

/** Reads the URL of `--store`; throws a `ConfigError`, never with the password. */
export function parsePostgresUrl(url: string): PostgresUrl {
  const parsed = reader.parse(url);
  const { hostname, port, username, password, pathname, hash } = parsed;
  const host = reader.decode(hostname);
  const database = reader.decode(pathname.slice(1));
  if (host === '') throw reader.refusal('it names no host');
  if (hash !== '' || database === '' || database.includes('/')) throw reader.refusal('it names no database');
  const defaults = { readonly: 'false', notify: '', epoch: '', lanes: '4', sslmode: 'disable' };
  const { readonly, notify, epoch, lanes, sslmode } = reader.parameters(parsed, defaults);
  if (readonly !== 'true' && readonly !== 'false') throw reader.refusal(`readonly is true or false, not ${readonly}`);
  if (!/^([a-z_][a-z0-9_]{0,62})?$/.test(notify))
    throw reader.refusal(`notify is the name of a channel, not ${notify}`);
  if (!/^[\w-]{0,64}$/.test(epoch)) {
    throw reader.refusal(`epoch is up to 64 letters, digits, hyphens and underscores, not ${epoch}`);
  }
  if (!/^([1-9]|1[0-6])$/.test(lanes)) throw reader.refusal(`lanes is a number from 1 to 16, not ${lanes}`);
  if (sslmode !== 'disable' && sslmode !== 'require' && sslmode !== 'verify-full') {
    throw reader.refusal(`sslmode is disable, require or verify-full, not ${sslmode}`);
  }
  return {
    host,
    port: port === '' ? 5_432 : Number(port),
    user: reader.decode(username) || undefined,
    password: reader.decode(password) || undefined,
    database,
    tls: sslmode,
    isReadOnly: readonly === 'true',
    notify: notify || undefined,
    epoch: epoch || undefined,
    lanes: Number(lanes),
  };
}
