import { readFileSync } from 'node:fs';
import type { Authenticator, NodeConnectionOptions, TlsOptions } from '@nats-io/transport-node';
import { ConfigError } from '../../config-error.ts';
import { textOfFault } from './nats-faults.ts';
import type { NatsUrl } from './nats-url.ts';

/** The parser of credentials files, which comes with the client. */
type CredsParser = { readonly credsAuthenticator: (creds: Uint8Array) => Authenticator };

const connectMs = 5_000;
/** A dead connection is detected after two missed pings. */
const pingMs = 2_000;

/**
 * Options of the client. Throws {@link ConfigError} if a file of the URL cannot be used, without quoting its content.
 */
export function connectOptions(nats: CredsParser, url: NatsUrl): NodeConnectionOptions {
  const { servers, user, password, token, credsFile } = url;
  const tls = tlsOptions(url);
  return {
    servers: [...servers],
    name: 'pokewire',
    timeout: connectMs,
    pingInterval: pingMs,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 100,
    // A server that briefly rejects the credentials, for example during a reload, must not end the only connection.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...(user === undefined ? {} : { user, pass: password! }),
    ...(token === undefined ? {} : { token }),
    ...(credsFile === undefined ? {} : { authenticator: credsOf(nats, credsFile) }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/**
 * Reads the file for each connection, because a JWT expires and is renewed in place. If the file is invalid, the
 * previous one stays in use.
 */
export function credsOf(nats: CredsParser, file: string): Authenticator {
  let last = nats.credsAuthenticator(readParameterFile('creds', file));
  try {
    last('');
  } catch {
    throw new ConfigError(`--store: the file of ?creds= is not a credentials file with a JWT and its key: ${file}`);
  }
  return (nonce) => {
    try {
      const renewed = nats.credsAuthenticator(readFileSync(file));
      const answer = renewed(nonce);
      last = renewed;
      return answer;
    } catch {
      return last(nonce);
    }
  };
}

/** The client reads the files for each connection; this only checks that they are readable. */
function tlsOptions({ tls, caFile, certFile, keyFile }: NatsUrl): TlsOptions | undefined {
  const files = { ca: caFile, cert: certFile, key: keyFile };
  for (const [parameter, file] of Object.entries(files)) if (file !== undefined) readParameterFile(parameter, file);
  if (tls !== 'require' && caFile === undefined && certFile === undefined) return undefined;
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile, keyFile: keyFile! }),
  };
}

function readParameterFile(parameter: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`--store: the file of ?${parameter}= cannot be read: ${textOfFault(error)}`);
  }
}
