import { randomUUID } from 'node:crypto';
import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const unlimited = { subs: -1, data: -1, payload: -1 };
const connections = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const jetStream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** Credentials of a user, with the texts that must not appear anywhere. */
export type UserCreds = {
  /** Text of a credentials file. */
  readonly file: string;
  readonly jwt: string;
  readonly seed: string;
};

/** Signs accounts and users like `nsc`, so that servers accept JWTs as credentials. */
export class NatsOperator {
  readonly #key = nkeys.createOperator();
  readonly #system = nkeys.createAccount();
  readonly #account = nkeys.createAccount();
  readonly #bare = nkeys.createAccount();

  /** Lines of the configuration of a server that trusts the operator. */
  get settings(): string[] {
    const accounts = [
      [this.#system, 'system', connections],
      [this.#account, 'with JetStream', { ...connections, ...jetStream }],
      [this.#bare, 'without JetStream', connections],
    ] as const;
    const preloaded = accounts.map(([key, name, limits]) => {
      const jwt = sign(this.#key, key, name, { type: 'account', limits, default_permissions: { pub: {}, sub: {} } });
      return `${key.getPublicKey()}: ${jwt}`;
    });
    return [
      `operator: ${sign(this.#key, this.#key, 'operator', { type: 'operator' })}`,
      `system_account: ${this.#system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${preloaded.join(', ')} }`,
    ];
  }

  /** A user of the account that has JetStream. */
  user(): UserCreds {
    return credsOf(this.#account);
  }

  /** A user of an account without JetStream. */
  userWithoutJetStream(): UserCreds {
    return credsOf(this.#bare);
  }
}

/** A user that no server knows. */
export function strangeUser(): UserCreds {
  return credsOf(nkeys.createAccount());
}

function credsOf(account: KeyPair): UserCreds {
  const user = nkeys.createUser();
  const jwt = sign(account, user, 'pokewire', { type: 'user', pub: {}, sub: {}, ...unlimited });
  const seed = Buffer.from(user.getSeed()).toString();
  const file = [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
  return { file, jwt, seed };
}

function sign(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const claims = {
    jti: randomUUID(),
    iat: Math.floor(Date.now() / 1_000),
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const text = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
