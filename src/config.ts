import { type Static, Type } from 'typebox';

const milliseconds = (initial: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 86_400_000, default: initial, description });

/**
 * Every setting with its default, its unit and the meaning of 0. A setting `drainMs` is the flag `--drain-ms`, the
 * variable `POKEWIRE_DRAIN_MS` and the key `drain-ms` in a configuration file; flags override variables, variables
 * override the file. A test compares the table in docs/settings.md with this schema.
 */
export const configSchema = Type.Object({
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8080, description: 'TCP port. 0: any free port.' }),
  host: Type.String({
    minLength: 1,
    default: 'localhost',
    description:
      'Address to listen on. `localhost`: both 127.0.0.1 and ::1. Others need `--auth token` or `--insecure`.',
  }),
  insecure: Type.Boolean({
    default: false,
    description: 'Allows listening on an address that other machines can reach, without authentication.',
  }),
  auth: Type.Union([Type.Literal('auto'), Type.Literal('off'), Type.Literal('token')], {
    default: 'auto',
    description:
      '`token`: requests need a valid token. `off`: they need none. `auto`: `token` if `--token` is given, else `off`.',
  }),
  token: Type.String({
    default: '',
    description:
      'Admin token of the namespace `default`, which administers the server. Empty: a random one is created and printed, unless the store has one.',
  }),
  testMode: Type.Boolean({
    default: false,
    description: 'Turns authentication off. A token only names its namespace, which its first write creates.',
  }),
  metricsToken: Type.String({
    default: '',
    description: 'Token that allows `/metrics` and nothing else. Empty: only an admin token of `default` does.',
  }),
  logLevel: Type.Union(
    ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'silent, fatal, error, warn, info, debug or trace.' },
  ),
  corsOrigins: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'Origins whose pages may call the API, separated by commas. `*`: all. Empty: none.',
  }),
  subscribeOrigins: Type.Array(Type.String({ minLength: 1 }), {
    default: ['*'],
    description: 'Origins whose pages may call `/subscribe`. `*`: all. Empty: none.',
  }),
  allowedHosts: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description:
      'Names accepted in the `Host` header in addition to `localhost`, without port, separated by commas. `*.name`: all names ' +
      'below it; `*`: all. Checked if this is set, or if there is no authentication.',
  }),
  bodyLimitBytes: Type.Integer({
    minimum: 1_024,
    maximum: 1_073_741_824,
    default: 1_048_576,
    description: 'Maximum size of a request body, in bytes.',
  }),
  importLimitBytes: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 68_719_476_736,
    description:
      'Maximum size of an import, in bytes. Imports are streamed, so this is not a memory limit. 0: no limit.',
  }),
  headerLimitBytes: Type.Integer({
    minimum: 1_024,
    maximum: 1_048_576,
    default: 16_384,
    description: 'Maximum size of a request line with its headers, in bytes.',
  }),
  requestTimeoutMs: milliseconds(
    30_000,
    'Time within which a request must arrive completely, in milliseconds. 0: no limit.',
  ),
  trustedProxies: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'Addresses or ranges of proxies whose `X-Forwarded-For` is trusted, separated by commas. Empty: none.',
  }),
  store: Type.String({
    minLength: 1,
    default: 'memory:',
    description:
      'Where messages and namespaces are stored. `memory:`: in this process, until it ends. `sqlite:FILE`: in a database on a local disk. `postgres://…`: in a Message DB. `nats://…`: in NATS JetStream.',
  }),
  storeMaxBytes: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 1_073_741_824,
    description:
      'Maximum size of the store in bytes; appends beyond it are refused. Applies to `sqlite:` only if set. At least 65536. 0: no limit.',
  }),
  storeMaxBytesPerNamespace: limit(
    Number.MAX_SAFE_INTEGER,
    'Maximum size of one namespace in bytes. At least 65536. 0: no limit per namespace.',
  ),
  retentionMaxAgeMs: limit(
    Number.MAX_SAFE_INTEGER,
    'Maximum age of messages in milliseconds, in namespaces without a rule of their own; older ones are deleted. 0: no limit.',
  ),
  retentionMaxMessages: limit(
    Number.MAX_SAFE_INTEGER,
    'Maximum number of messages of a namespace without a rule of its own; the oldest beyond it are deleted. 0: no limit.',
  ),
  retentionMaxBytes: limit(
    Number.MAX_SAFE_INTEGER,
    'Maximum bytes of a namespace without a rule of its own, as the store counts them; the oldest messages beyond it are deleted. 0: no limit.',
  ),
  maxNamespaces: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 10_000,
    description: 'Maximum number of namespaces, including `default`.',
  }),
  maxSubscriptions: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 15_000,
    description: 'Maximum number of open subscriptions.',
  }),
  maxSubscriptionsPerNamespace: limit(
    1_000_000,
    'Maximum number of open subscriptions per namespace. 0: no limit per namespace.',
  ),
  maxSubscriptionsPerAddress: limit(
    1_000_000,
    'Maximum number of open subscriptions per IP address (IPv6: per /64 network). 0: no limit per address.',
  ),
  maxSelectors: Type.Integer({
    minimum: 1,
    maximum: 10_000,
    default: 100,
    description: 'Maximum number of streams and categories in one subscription.',
  }),
  maxEventLoopDelayMs: milliseconds(
    500,
    'Event loop delay in milliseconds above which new subscriptions are refused with 503. 0: no limit.',
  ),
  maxMemoryPercent: Type.Integer({
    minimum: 0,
    maximum: 100,
    default: 90,
    description:
      'Percentage of memory in use above which new subscriptions, appends and reads are refused with 503. 0: no limit.',
  }),
  maxAppendsPerSecond: limit(
    1_000_000,
    'Maximum appends per second to one namespace; more are refused with 429. 0: no limit.',
  ),
  maxTransfers: limit(
    10_000,
    'Maximum number of concurrent imports and exports; more are refused with 429. 0: no limit.',
    32,
  ),
  maxTransfersPerNamespace: limit(
    10_000,
    'Maximum number of concurrent imports and exports per namespace. 0: no limit per namespace.',
    8,
  ),
  maxReads: limit(
    100_000,
    'Maximum number of concurrent reads, each counted until its client has received the answer; more are refused with 429. 0: no limit.',
    256,
  ),
  maxReadsPerNamespace: limit(
    100_000,
    'Maximum number of concurrent reads per namespace. 0: no limit per namespace.',
    128,
  ),
  safetyReadMs: Type.Integer({
    minimum: 100,
    maximum: 60_000,
    default: 1_000,
    description:
      'Milliseconds between two reads of each followed log, which find messages whose announcements were lost.',
  }),
  windowPokes: Type.Integer({
    minimum: 64,
    maximum: 1_048_576,
    default: 16_384,
    description: 'Number of recent pokes of each log kept in memory, for subscribers that reconnect.',
  }),
  heartbeatMs: milliseconds(
    4_000,
    'Milliseconds between two heartbeats, unless a subscriber asks for another period. 0: no heartbeats.',
  ),
  stallTimeoutMs: milliseconds(
    60_000,
    'Time after which a connection that reads nothing of its answer or subscription is closed, in milliseconds. 0: never.',
  ),
  retryMinMs: milliseconds(2_000, 'Minimum reconnection time sent to subscribers, in milliseconds.'),
  retryMaxMs: milliseconds(
    5_000,
    'Maximum reconnection time; each subscriber gets a random time between the minimum and this.',
  ),
  drainMs: milliseconds(0, 'Milliseconds over which a stopping server ends its subscriptions. 0: all at once.'),
  pooling: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    default: 'on',
    description:
      '`off`: allocates objects and buffers instead of pooling them, for measurements. The output is the same.',
  }),
  pokePoolMin: limit(1_000_000, 'Minimum number of pokes kept in the pool.', 256),
  pokePoolMax: limit(1_000_000, 'Maximum number of idle pokes in the pool. 0: none.', 16_384),
  bufferPoolMin: limit(10_000, 'Minimum number of buffers of each size (4, 16 and 64 KiB) kept in the pool.', 2),
  bufferPoolMax: limit(10_000, 'Maximum number of idle buffers of each size in the pool. 0: none.', 64),
});

function limit(maximum: number, description: string, initial = 0) {
  return Type.Integer({ minimum: 0, maximum, default: initial, description });
}

/** The settings of a process. */
export type Config = Readonly<Static<typeof configSchema>>;

/** Settings by subject, in the order of `pokewire help serve` and `--print-config`. A test checks that none is missing. */
export const settingGroups = {
  Address: ['port', 'host', 'insecure', 'allowedHosts', 'trustedProxies'],
  Access: ['auth', 'token', 'testMode', 'metricsToken', 'corsOrigins', 'subscribeOrigins'],
  Log: ['logLevel'],
  Store: ['store', 'storeMaxBytes', 'storeMaxBytesPerNamespace', 'maxNamespaces'],
  Retention: ['retentionMaxAgeMs', 'retentionMaxMessages', 'retentionMaxBytes'],
  Requests: ['bodyLimitBytes', 'importLimitBytes', 'headerLimitBytes', 'requestTimeoutMs', 'stallTimeoutMs'],
  Limits: [
    'maxSubscriptions',
    'maxSubscriptionsPerNamespace',
    'maxSubscriptionsPerAddress',
    'maxSelectors',
    'maxAppendsPerSecond',
    'maxTransfers',
    'maxTransfersPerNamespace',
    'maxReads',
    'maxReadsPerNamespace',
    'maxEventLoopDelayMs',
    'maxMemoryPercent',
  ],
  Delivery: ['heartbeatMs', 'retryMinMs', 'retryMaxMs', 'drainMs', 'safetyReadMs', 'windowPokes'],
  Pools: ['pooling', 'pokePoolMin', 'pokePoolMax', 'bufferPoolMin', 'bufferPoolMax'],
} as const satisfies Record<string, readonly (keyof Config)[]>;

/** Settings that are never printed. Passwords in `store` are not printed either. */
export const secretSettings: ReadonlySet<keyof Config> = new Set<keyof Config>(['token', 'metricsToken']);

/** Prefix of all variables. */
export const variablePrefix = 'POKEWIRE_';

export const settingNames = Object.keys(configSchema.properties) as readonly (keyof Config)[];

/** `drainMs` → `drain-ms`: the flag without its dashes, and the key in a configuration file. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `drainMs` → `POKEWIRE_DRAIN_MS`. */
export function variableOf(name: string): string {
  return variablePrefix + flagOf(name).replaceAll('-', '_').toUpperCase();
}

/** Description and default of a setting. */
export function notesOf(name: keyof Config): { readonly description: string; readonly default: unknown } {
  const { description = '', default: initial } = configSchema.properties[name] as {
    description?: string;
    default?: unknown;
  };
  return { description, default: initial };
}

/** The choices of an enumerated setting, or undefined. */
export function choicesOf(name: keyof Config): readonly string[] | undefined {
  const { anyOf } = configSchema.properties[name] as { anyOf?: readonly { const: string }[] };
  return anyOf?.map((choice) => choice.const);
}

export function isSwitch(name: keyof Config): boolean {
  return Type.IsBoolean(configSchema.properties[name]);
}
