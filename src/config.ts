import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { ConfigError } from './config-error.ts';
import { checkTogether } from './config-rules.ts';
import { type FlagTypes, quote, readFlags } from './flags.ts';
import { isSendable, judgeAllowedHost, judgeHost, judgeOrigin, judgeProxy } from './setting-formats.ts';

const milliseconds = (initial: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 86_400_000, default: initial, description });

/**
 * Every setting with its default, its unit and what 0 means. A setting `drainMs` is the flag `--drain-ms` and the
 * variable `POKEWIRE_DRAIN_MS`; flags win. The README's table is compared with this by a test.
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
      'Where messages and namespaces live. `memory:`: in this process, gone with it. `sqlite:FILE`: in a database on a local disk. `postgres://…`: in a Message DB.',
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

/** What the command line asks for. */
export type Command =
  | {
      readonly run: 'serve';
      readonly config: Config;
      /** Settings that variables gave, not flags. */
      readonly byVariable: ReadonlySet<keyof Config>;
    }
  | { readonly run: 'help' | 'version' };

const variablePrefix = 'POKEWIRE_';
const names = Object.keys(configSchema.properties) as (keyof Config)[];

/** `drainMs` → `drain-ms`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `drainMs` → `POKEWIRE_DRAIN_MS`. */
export function variableOf(name: string): string {
  return variablePrefix + flagOf(name).replaceAll('-', '_').toUpperCase();
}

/** Reads flags and environment. Throws {@link ConfigError} for anything unknown or out of its limits. */
export function parseCommand(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const flags = readFlags(args, flagTypes(), 'pokewire --help');
  if (flags.help === true) return { run: 'help' };
  if (flags.version === true) return { run: 'version' };
  const variables = readVariables(env);
  const config: Record<string, unknown> = {};
  const given = new Set<keyof Config>();
  const byVariable = new Set<keyof Config>();
  for (const name of names) {
    const flag = flags[flagOf(name)];
    const value = flag ?? variables.get(name);
    if (value === undefined) config[name] = Value.Default(configSchema.properties[name], undefined);
    else {
      if (flag === undefined) byVariable.add(name);
      config[name] = check(nameOf(name, byVariable), name, value);
      given.add(name);
    }
  }
  const called = (name: keyof Config) => nameOf(name, byVariable);
  return { run: 'serve', config: checkTogether(config as Config, given, called), byVariable };
}

/**
 * A refusal by what was opened with the settings, which calls them by their flags: beginning with the variable instead,
 * where that is what was given.
 */
export function namedAsGiven(refusal: string, byVariable: ReadonlySet<keyof Config>): string {
  return refusal.replace(/^--[a-z-]+/, (flag) => {
    const name = names.find((candidate) => `--${flagOf(candidate)}` === flag);
    return name === undefined ? flag : nameOf(name, byVariable);
  });
}

function nameOf(name: keyof Config, byVariable: ReadonlySet<keyof Config>): string {
  return byVariable.has(name) ? variableOf(name) : `--${flagOf(name)}`;
}

/** The flags as text for `--help`. */
export function helpText(): string {
  const lines = names.map((name) => {
    const { description, default: initial } = notesOf(name);
    return `  --${flagOf(name).padEnd(20)} ${description}${initial === '' ? '' : ` [${String(initial) || 'none'}]`}`;
  });
  return [
    'pokewire [flags]          serves message streams and pokes their subscribers',
    'pokewire export [flags]   writes all messages of a namespace; see pokewire export --help',
    'pokewire backup FILE      copies the whole store of a running server; see pokewire backup --help',
    'pokewire store init URL   makes a place for tokens in a database of Message DB; see pokewire store init --help',
    'pokewire import [flags]   stores messages that were exported; see pokewire import --help',
    '',
    ...lines,
    '  --help                 This text.',
    '  --version              The version.',
    '',
    `Each flag can be set as a variable: --drain-ms is ${variableOf('drainMs')}. Flags win.`,
  ].join('\n');
}

function flagTypes(): FlagTypes {
  const settings = names.map((name) => [flagOf(name), { type: isBoolean(name) ? 'boolean' : 'string' }] as const);
  return { ...Object.fromEntries(settings), help: { type: 'boolean' }, version: { type: 'boolean' } };
}

function readVariables(env: Readonly<Record<string, string | undefined>>): Map<keyof Config, string> {
  const byVariable = new Map(names.map((name) => [variableOf(name), name]));
  const found = new Map<keyof Config, string>();
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(variablePrefix) || value === undefined) continue;
    const name = byVariable.get(variable);
    if (name === undefined) {
      throw new ConfigError(`Unknown variable ${variable}. Known are ${[...byVariable.keys()].join(', ')}.`);
    }
    // Compose files and unit files set what they have no value for to nothing.
    if (value !== '' || emptyMeans.has(name)) found.set(name, value);
  }
  return found;
}

/** Settings whose description says what empty means. Of all others an empty variable counts as not set. */
const emptyMeans = new Set<keyof Config>(names.filter((name) => notesOf(name).description.includes('Empty: ')));

/** What a schema does not say of a value; of a list each member is judged. */
const judges = {
  host: judgeHost,
  corsOrigins: judgeOrigin,
  subscribeOrigins: judgeOrigin,
  trustedProxies: judgeProxy,
  allowedHosts: judgeAllowedHost,
} as const;

function check(source: string, name: keyof Config, given: string | boolean): unknown {
  const schema: TSchema = configSchema.properties[name];
  const value = convert(schema, given);
  // Not with the value, which is a secret.
  if (name === 'metricsToken' && !isSendable(String(value))) {
    throw new ConfigError(`${source} must be letters, digits and signs of ASCII without spaces, as headers carry it.`);
  }
  const refuse = (reason: string): never => {
    throw new ConfigError(`${source} cannot be ${quote(String(given))}${reason}`);
  };
  const { minimum, maximum, description } = schema as { minimum?: number; maximum?: number; description?: string };
  const range = minimum === undefined ? '' : ` It is an integer from ${minimum} to ${maximum}.`;
  if (!Value.Check(schema, value)) refuse(`.${range} ${description}`);
  if (Array.isArray(value) && value.length > 1 && value.includes('*')) refuse(': `*` stands alone.');
  const judge = name in judges ? judges[name as keyof typeof judges] : () => undefined;
  const problem = [value]
    .flat()
    .map(String)
    .map(judge)
    .find((found) => found !== undefined);
  if (problem !== undefined) refuse(`: it ${problem}.`);
  return value;
}

function convert(schema: TSchema, given: string | boolean): unknown {
  if (typeof given === 'boolean') return given;
  if (Type.IsBoolean(schema)) return { true: true, '1': true, false: false, '0': false }[given];
  if (Type.IsArray(schema)) return given === '' ? [] : given.split(',').map((part) => part.trim());
  // Number() alone would take '', ' 1', '0x10' and '1e3'.
  if (Type.IsInteger(schema)) return /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  return given;
}

function notesOf(name: keyof Config): { description: string; default: unknown } {
  const schema = configSchema.properties[name] as TSchema as { description?: string; default?: unknown };
  return { description: schema.description ?? '', default: schema.default };
}

function isBoolean(name: keyof Config): boolean {
  return Type.IsBoolean(configSchema.properties[name]);
}
