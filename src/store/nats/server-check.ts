import { ConfigError } from '../../config-error.ts';
import { JetStreamRefusal, textOfFault } from './nats-faults.ts';
import type { NatsLink, NatsModule } from './nats-link.ts';
import type { NatsUrl } from './nats-url.ts';

/** The first version whose JetStream can store several messages atomically. */
const oldestMinor = 12;

/** JetStream is disabled, on the server or for this account. */
const notEnabled = new Set([10_039, 10_076]);
/** There are too few servers for the replicas, or none has room. */
const tooFewServers = new Set([10_005, 10_074, 10_052]);

/** Throws a {@link ConfigError} with the remedy if the server cannot store logs. */
export function checkServer({ connection }: NatsLink, { place }: NatsUrl): void {
  const { version = '0.0.0', jetstream = false } = connection.info ?? {};
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < oldestMinor)) {
    throw new ConfigError(`--store: NATS at ${place} is version ${version}: Pokewire needs 2.${oldestMinor} or newer.`);
  }
  if (!jetstream) {
    throw new ConfigError(`--store: NATS at ${place} has no JetStream: start its servers with \`-js\`.`);
  }
}

/** Codes of Node for a certificate whose CA it does not know. */
const unknownCa = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Turns a failure to connect into a {@link ConfigError} with the remedy. */
export function explainConnecting(error: unknown, { AuthorizationError }: NatsModule, { place }: NatsUrl): never {
  if (error instanceof ConfigError) throw error;
  const text = textOfFault(error);
  if (error instanceof AuthorizationError) {
    throw new ConfigError(`--store: NATS at ${place} rejects the credentials of the URL: ${text}`);
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const remedy = typeof code === 'string' && unknownCa.has(code) ? '; name its CA with ?ca=FILE' : '';
  throw new ConfigError(`--store: no connection to NATS at ${place}: ${text}${remedy}`);
}

/** Replicas of new logs: three in a cluster, unless the URL says otherwise. */
export function replicasFor({ connection }: NatsLink, { replicas }: NatsUrl): number {
  return replicas ?? (connection.info?.cluster === undefined ? 1 : 3);
}

/** Turns the refusal of the first stream into a {@link ConfigError} with the remedy. */
export function explainOpening(error: unknown, { place }: NatsUrl, replicas: number): never {
  const code = error instanceof JetStreamRefusal ? error.code : undefined;
  if (code !== undefined && notEnabled.has(code)) {
    throw new ConfigError(`--store: the account at NATS ${place} has no JetStream: enable it for the account.`);
  }
  if (code !== undefined && tooFewServers.has(code)) {
    throw new ConfigError(
      `--store: NATS at ${place} cannot keep ${replicas} copies: start as many servers with JetStream in one cluster, or give ?replicas=1.`,
    );
  }
  throw new ConfigError(`--store: JetStream of NATS at ${place} cannot be used: ${textOfFault(error)}`);
}
