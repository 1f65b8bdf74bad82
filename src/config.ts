import { type Static, Type } from 'typebox';

const milliseconds = (initial: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 86_400_000, default: initial, description });

/**
 * Every setting with its default, its unit and what 0 means. A setting `drainMs` is the flag `--drain-ms`, the variable
 * `POKEWIRE_DRAIN_MS` and the key `drain-ms` of a configuration file; flags win over variables, variables over the file.
 * A test compares the table in docs/settings.md with this.
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
    description: 'Allows an address that other machines can reach although there is no authentication.',
  }),
  auth: Type.Union([Type.Literal('auto'), Type.Literal('off'), Type.Literal('token')], {
    default: 'auto',
    description:
      '`token`: requests need a valid token. `off`: they need none. `auto`: `token` when `--token` is given.',
  }),
  token: Type.String({
    default: '',
    description:
      'Token of the namespace `default`, whose admin runs the server. Empty: a random one is printed, unless the store has one.',
  }),
  testMode: Type.Boolean({
    default: false,
    description:
      'As `--auth off`, whatever else is said: a token only names its namespace, created by its first write.',
  }),
  metricsToken: Type.String({
    default: '',
    description: 'Token for `/metrics`, and for nothing else. Empty: only an admin token of `default` opens it.',
  }),
  logLevel: Type.Union(
    ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'silent, fatal, error, warn, info, debug or trace.' },
  ),
  corsOrigins: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'Origins whose pages may call the API, separated by commas; `*`: all. Empty: none.',
  }),
  subscribeOrigins: Type.Array(Type.String({ minLength: 1 }), {
    default: ['*'],
    description: 'The same for `/subscribe`. Empty: none.',
  }),
  allowedHosts: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description:
      'Names that requests may have as `Host` beside `localhost`, without port, separated by commas; `*.name`: all below ' +
      'it, `*`: all. Checked without authentication, or when given.',
  }),
  bodyLimitBytes: Type.Integer({
    minimum: 1_024,
    maximum: 1_073_741_824,
    default: 1_048_576,
    description: 'Largest request body, bytes.',
  }),
  importLimitBytes: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 68_719_476_736,
    description: 'Largest body of an import, bytes; it is never in memory as a whole. 0: no limit.',
  }),
  headerLimitBytes: Type.Integer({
    minimum: 1_024,
    maximum: 1_048_576,
    default: 16_384,
    description: 'Largest request head, bytes: request line and headers together.',
  }),
  requestTimeoutMs: milliseconds(30_000, 'A request must have arrived within so many milliseconds. 0: no limit.'),
  trustedProxies: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description:
      'Addresses or ranges of proxies, separated by commas, whose `X-Forwarded-For` is believed. Empty: none.',
  }),
  store: Type.String({
    minLength: 1,
    default: 'memory:',
    description:
      'Where messages and namespaces live. `memory:`: in this process, gone with it. `sqlite:FILE`: in a database on a local disk. `postgres://…`: in a Message DB. `nats://…`: in JetStream of NATS servers.',
  }),
  storeMaxBytes: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    default: 1_073_741_824,
    description:
      'Appends beyond this many bytes in the store are refused. 0: no limit, as with `sqlite:` unless set; else at least 65536.',
  }),
  storeMaxBytesPerNamespace: limit(
    Number.MAX_SAFE_INTEGER,
    'Of these, the bytes of one namespace at most. 0: all; else at least 65536.',
  ),
  retentionMaxAgeMs: limit(
    Number.MAX_SAFE_INTEGER,
    'Messages of a namespace without a rule of its own are forgotten when they are so many milliseconds old. 0: never.',
  ),
  retentionMaxMessages: limit(Number.MAX_SAFE_INTEGER, 'The same of its oldest messages beyond so many. 0: no limit.'),
  retentionMaxBytes: limit(
    Number.MAX_SAFE_INTEGER,
    'The same beyond so many bytes, as the store counts them. 0: no limit.',
  ),
  maxNamespaces: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 10_000,
    description: 'Namespaces at most, `default` included; more are refused.',
  }),
  maxSubscriptions: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 15_000,
    description: 'Open subscriptions at most; more are refused.',
  }),
  maxSubscriptionsPerNamespace: limit(1_000_000, 'Of these, the subscriptions of one namespace at most. 0: all.'),
  maxSubscriptionsPerAddress: limit(
    1_000_000,
    'Of these, the subscriptions from one IP address (IPv6: from one /64 network) at most. 0: all.',
  ),
  maxSelectors: Type.Integer({
    minimum: 1,
    maximum: 10_000,
    default: 100,
    description: 'Streams and categories of one subscription at most.',
  }),
  maxEventLoopDelayMs: milliseconds(
    500,
    'New subscriptions are refused with 503 while the event loop is held up for longer, milliseconds. 0: no limit.',
  ),
  maxMemoryPercent: Type.Integer({
    minimum: 0,
    maximum: 100,
    default: 90,
    description:
      'New subscriptions, appends and reads are refused with 503 while more of the memory is in use, percent. 0: no limit.',
  }),
  maxAppendsPerSecond: limit(
    1_000_000,
    'Appends to one namespace at most in a second; more are refused with 429. 0: no limit.',
  ),
  maxTransfers: limit(10_000, 'Imports and exports under way at most; more are refused with 429. 0: no limit.', 32),
  maxTransfersPerNamespace: limit(10_000, 'Of these, the ones of one namespace at most. 0: all.', 8),
  maxReads: limit(
    100_000,
    'Reads under way at most, from the request until its answer was taken; more are refused with 429. 0: no limit.',
    256,
  ),
  maxReadsPerNamespace: limit(100_000, 'Of these, the ones of one namespace at most. 0: all.', 128),
  safetyReadMs: Type.Integer({
    minimum: 100,
    maximum: 60_000,
    default: 1_000,
    description: 'Milliseconds between two looks at a log that somebody subscribes to, should announcements be lost.',
  }),
  windowPokes: Type.Integer({
    minimum: 64,
    maximum: 1_048_576,
    default: 16_384,
    description: 'Last pokes of each log kept in memory, for subscribers who were away briefly.',
  }),
  heartbeatMs: milliseconds(
    4_000,
    'Milliseconds between two heartbeats of a subscriber who does not ask for a period of its own. 0: none.',
  ),
  stallTimeoutMs: milliseconds(
    60_000,
    'Whoever takes nothing of an answer or a subscription for so many milliseconds is closed. 0: never.',
  ),
  retryMinMs: milliseconds(2_000, 'Least reconnection time told to a subscriber, milliseconds.'),
  retryMaxMs: milliseconds(5_000, 'Greatest reconnection time told to a subscriber; each gets a random one between.'),
  drainMs: milliseconds(0, 'Milliseconds over which subscriptions are ended at a stop. 0: all at once.'),
  pooling: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    default: 'on',
    description: '`off`: no pools, fresh objects and buffers instead; the same bytes, for measuring.',
  }),
  pokePoolMin: limit(1_000_000, 'Pokes kept ready at least.', 256),
  pokePoolMax: limit(1_000_000, 'Idle pokes kept at most. 0: none.', 16_384),
  bufferPoolMin: limit(10_000, 'Buffers of each size (4, 16 and 64 KiB) kept ready at least.', 2),
  bufferPoolMax: limit(10_000, 'Idle buffers of each size kept at most. 0: none.', 64),
});

function limit(maximum: number, description: string, initial = 0) {
  return Type.Integer({ minimum: 0, maximum, default: initial, description });
}

/** The settings of one process. */
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

/** Settings that are never printed, nor is a password in `store`. */
export const secretSettings: ReadonlySet<keyof Config> = new Set<keyof Config>(['token', 'metricsToken']);

/** Prefix of every variable. */
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
