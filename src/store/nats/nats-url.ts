import { StoreUrlReader } from '../shared/store-url.ts';

/** `nats://localhost:4222/pokewire?replicas=3`: the servers, and the settings of logs that this node creates. */
export type NatsUrl = {
  /** `host:port` of each server to try; the cluster announces others. */
  readonly servers: readonly string[];
  /** The servers, for display. */
  readonly place: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** A user name without a password is a token. */
  readonly token: string | undefined;
  /** File with a JWT and its key. */
  readonly credsFile: string | undefined;
  /** `require`: TLS even if the server does not require it. */
  readonly tls: 'server' | 'require';
  /** File with trusted certificates. */
  readonly caFile: string | undefined;
  /** Files with the certificate that the servers ask of their clients, and with its key. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Prefix of all stream names and subjects, so that several stores can share an account. */
  readonly prefix: string;
  /** Copies of new logs. Undefined: 3 in a cluster, 1 on a single server. */
  readonly replicas: number | undefined;
  /** How long the server remembers message ids. */
  readonly windowMs: number;
  /** JetStream's own retention for new logs; 0: unlimited. */
  readonly maxAgeMs: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
};

const defaultPort = 4_222;
const defaultWindowMs = 120_000;

const reader = new StoreUrlReader(
  'nats://USER:PASSWORD@HOST:PORT,HOST:PORT/PREFIX, with ?replicas=1 to 5, &creds=FILE, &tls=require, &ca=FILE, ' +
    '&cert=FILE&key=FILE, &windowMs=MILLISECONDS, &maxAgeMs=MILLISECONDS, &maxMessages=COUNT, &maxBytes=BYTES',
);

/** Parses the `--store` URL. Throws a `ConfigError` that never contains a password. */
export function parseNatsUrl(url: string): NatsUrl {
  const each = reader.parseEach(url);
  const servers = each.map(({ hostname, port }) => {
    if (hostname === '') throw reader.refusal('it names no host');
    return `${hostname}:${port === '' ? defaultPort : port}`;
  });
  const { username, password, pathname, hash } = each[0]!;
  const prefix = reader.decode(pathname.slice(1)) || 'pokewire';
  if (hash !== '' || !/^[A-Za-z0-9_-]{1,32}$/.test(prefix)) {
    throw reader.refusal('the prefix is up to 32 letters, digits, hyphens and underscores');
  }
  const defaults = {
    replicas: '',
    creds: '',
    tls: 'server',
    ca: '',
    cert: '',
    key: '',
    windowMs: String(defaultWindowMs),
  };
  const retention = { maxAgeMs: '0', maxMessages: '0', maxBytes: '0' };
  const found = reader.parameters(each[0]!, { ...defaults, ...retention });
  const { replicas, creds, tls, ca, cert, key } = found;
  if (!/^[1-5]?$/.test(replicas)) throw reader.refusal(`replicas is a number from 1 to 5, not ${replicas}`);
  if (tls !== 'server' && tls !== 'require') throw reader.refusal(`tls is server or require, not ${tls}`);
  if ((cert === '') !== (key === '')) throw reader.refusal('cert and key are given together');
  const count = (name: 'windowMs' | 'maxAgeMs' | 'maxMessages' | 'maxBytes', least: number) => {
    const text = found[name];
    if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
    throw reader.refusal(`${name} is a number of ${least} or more, not ${text}`);
  };
  const user = reader.decode(username) || undefined;
  const secret = reader.decode(password) || undefined;
  return {
    servers,
    place: servers.join(', '),
    user: secret === undefined ? undefined : user,
    password: secret,
    token: secret === undefined ? user : undefined,
    credsFile: creds || undefined,
    tls,
    caFile: ca || undefined,
    certFile: cert || undefined,
    keyFile: key || undefined,
    prefix,
    replicas: replicas === '' ? undefined : Number(replicas),
    windowMs: count('windowMs', 1_000),
    maxAgeMs: count('maxAgeMs', 0),
    maxMessages: count('maxMessages', 0),
    maxBytes: count('maxBytes', 0),
  };
}
