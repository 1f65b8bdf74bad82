import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';

/** A limit below this would refuse the first message of `default`. */
const leastStoreBytes = 65_536;

/** Pairs in which `lower` must not exceed `upper`. `none`: an `upper` of 0 means no limit. */
const ordered: readonly { lower: keyof Config; upper: keyof Config; none?: true }[] = [
  { lower: 'retryMinMs', upper: 'retryMaxMs' },
  { lower: 'pokePoolMin', upper: 'pokePoolMax' },
  { lower: 'bufferPoolMin', upper: 'bufferPoolMax' },
  { lower: 'maxSubscriptionsPerNamespace', upper: 'maxSubscriptions' },
  { lower: 'maxSubscriptionsPerAddress', upper: 'maxSubscriptions' },
  { lower: 'maxTransfersPerNamespace', upper: 'maxTransfers', none: true },
  { lower: 'maxReadsPerNamespace', upper: 'maxReads', none: true },
  { lower: 'storeMaxBytesPerNamespace', upper: 'storeMaxBytes', none: true },
];

/** Throws {@link ConfigError} for settings that contradict each other. A default is lowered to a given maximum. */
export function checkTogether(
  settings: Config,
  given: ReadonlySet<keyof Config>,
  called: (name: keyof Config) => string,
): Config {
  const config = { ...settings };
  // The default bounds memory; a store on disk has no limit unless one is given.
  if (!given.has('storeMaxBytes') && config.store !== 'memory:') config.storeMaxBytes = 0;
  for (const { lower, upper, none = false } of ordered) {
    const [least, most] = [Number(config[lower]), Number(config[upper])];
    if (least <= most || (none && most === 0)) continue;
    if (given.has(lower)) {
      throw new ConfigError(`${called(lower)} (${least}) must not exceed ${called(upper)} (${most}).`);
    }
    Object.assign(config, { [lower]: most });
  }
  if (config.testMode && config.auth === 'token') {
    throw new ConfigError(
      `${called('testMode')} turns authentication off, and ${called('auth')} token turns it on: remove one of them.`,
    );
  }
  for (const name of ['storeMaxBytes', 'storeMaxBytesPerNamespace'] as const) {
    if (config[name] === 0 || config[name] >= leastStoreBytes) continue;
    throw new ConfigError(
      `${called(name)} must be 0 or at least ${leastStoreBytes}: a namespace with one message needs some of it.`,
    );
  }
  const auth = config.testMode ? 'off' : config.auth === 'auto' ? (config.token === '' ? 'off' : 'token') : config.auth;
  if (auth === 'off' && !config.insecure && !isLoopback(config.host)) {
    throw new ConfigError(
      `${called('host')} ${config.host} can be reached by other machines, and there is no authentication: anyone there could ` +
        'read and append. Require tokens with --auth token, listen on localhost, or pass --insecure.',
    );
  }
  return Object.freeze({ ...config, auth });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
