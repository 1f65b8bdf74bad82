import { randomUUID } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import { newLogId } from '../store/log-id.ts';
import { type Namespace, type Scope, scopes } from '../store/namespace-store.ts';
import { checkNamespaceId, defaultNamespaceId, liveTokens, type Namespaces, namespaceNotFound } from './namespaces.ts';
import { hashToken, parseToken, sameHash } from './token.ts';

/** How long the namespace `default` is cached. Changes by other nodes take effect within this time. */
const knownMs = 1_000;

/** `off`: every request is permitted, and a token only names the namespace. `token`: a valid token is required. */
export type AuthMode = 'off' | 'token';

/** The rights of a request. */
export type Grant = {
  readonly namespace: Namespace;
  readonly scope: Scope;
  /** The token presented; undefined without authentication. */
  readonly tokenId: string | undefined;
  /** When the token expires, milliseconds since 1970-01-01; undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** Whether it may access other namespaces: with an admin token of `default`, or without authentication. */
  readonly isOperator: boolean;
  /** Only if the namespace does not exist, without authentication: creates it, or throws `NAMESPACE_NOT_FOUND`. */
  readonly makeNamespace?: () => Promise<Grant>;
  /** Digest of the only selection it may subscribe to; absent: any. */
  readonly boundTo?: string;
};

/** The cached namespace `default`. Valid until `untilMs`, unless it is invalidated earlier. */
type Known = {
  readonly namespace: Namespace;
  /** The grant of every request without authentication. */
  readonly openGrant: Grant;
  readonly changes: number;
  readonly untilMs: number;
};

/**
 * Decides what a credential permits: the single check behind every route. Caches the namespace `default` for a second.
 * On a networked store each append would otherwise wait for a look-up, and thousands of reconnecting subscribers would
 * each cause one.
 */
export class Access {
  readonly mode: AuthMode;
  readonly #namespaces: Namespaces;
  readonly #makesNamespaces: boolean;
  #lastFound: Known | undefined = undefined;

  /** `makesNamespaces`: whether a write may create the namespace that its token names; only without authentication. */
  constructor(mode: AuthMode, namespaces: Namespaces, makesNamespaces = false) {
    this.mode = mode;
    this.#makesNamespaces = makesNamespaces;
    this.#namespaces = namespaces;
  }

  /**
   * The grant of requests without a credential if none is required; undefined: unknown, so call {@link Access.check}.
   * On a server without authentication, this saves most requests a look-up and its promises.
   */
  get open(): Grant | undefined {
    return this.mode === 'off' ? this.#known?.openGrant : undefined;
  }

  get #known(): Known | undefined {
    const known = this.#lastFound;
    if (known?.changes !== this.#namespaces.changes) return undefined;
    return performance.now() < known.untilMs ? known : undefined;
  }

  /** The grant of the token; throws `AUTH_REQUIRED`, `AUTH_INVALID_TOKEN` or `AUTH_UNAUTHORIZED`. */
  async check(token: string | undefined): Promise<Grant> {
    return this.mode === 'off' ? this.#withoutAuthentication(token) : this.#withToken(token);
  }

  async #withToken(token: string | undefined): Promise<Grant> {
    if (token === undefined || token === '') {
      throw new PokewireError(
        'AUTH_REQUIRED',
        'This needs a token: send the header "authorization: Bearer <token>". In a browser, open /docs and sign in.',
      );
    }
    const parsed = parseToken(token);
    if ('problem' in parsed) {
      throw new PokewireError('AUTH_INVALID_TOKEN', `The token is malformed: ${parsed.problem}.`, {
        details: { error: parsed.problem },
      });
    }
    const presented = hashToken(token);
    const known = parsed.namespace === defaultNamespaceId ? this.#known : undefined;
    // Another node may have created the token since the namespace was cached.
    const grant = grantedBy(known?.namespace, presented) ?? grantedBy(await this.#find(parsed.namespace), presented);
    if (grant === undefined) {
      // The same answer if the namespace does not exist, so that the response does not reveal which ones do.
      throw new PokewireError('AUTH_UNAUTHORIZED', 'The token is not valid: unknown, revoked or expired.', {
        details: { namespace: parsed.namespace },
      });
    }
    return grant;
  }

  async #withoutAuthentication(token = ''): Promise<Grant> {
    const parsed = parseToken(token);
    const id = 'problem' in parsed ? defaultNamespaceId : parsed.namespace;
    const found = await this.#find(id);
    if (found === undefined) {
      checkNamespaceId(id);
      const makeNamespace = async () => openGrant(await this.#make(id, token));
      return { ...openGrant(noNamespace(id)), makeNamespace };
    }
    return this.#lastFound?.namespace === found ? this.#lastFound.openGrant : openGrant(found);
  }

  async #find(id: string): Promise<Namespace | undefined> {
    // Read before the look-up: if the revision changes during it, the result is stale.
    const { changes } = this.#namespaces;
    const namespace = await this.#namespaces.find(id);
    if (id === defaultNamespaceId && namespace !== undefined) {
      const untilMs = performance.now() + knownMs;
      this.#lastFound = { namespace, openGrant: openGrant(namespace), changes, untilMs };
    }
    return namespace;
  }

  async #make(id: string, token: string): Promise<Namespace> {
    if (!this.#makesNamespaces) return this.#namespaces.get(id);
    const description = id === defaultNamespaceId ? 'Default namespace' : 'Auto-created in test mode';
    return this.#namespaces.findOrCreate({
      id,
      description,
      token: 'problem' in parseToken(token) ? undefined : token,
    });
  }
}

/**
 * The grant once its namespace exists. In test mode a writing request may create it; any other throws
 * `NAMESPACE_NOT_FOUND`, so that links and images on foreign pages have no lasting effect.
 */
export async function withNamespace(grant: Grant, writes: boolean): Promise<Grant> {
  if (grant.makeNamespace === undefined) return grant;
  if (writes) return grant.makeNamespace();
  throw namespaceNotFound(grant.namespace.id);
}

/** Throws `AUTH_UNAUTHORIZED` unless the grant is an operator's. */
export function requireOperator({ isOperator, namespace }: Grant): void {
  if (isOperator) return;
  throw new PokewireError('AUTH_UNAUTHORIZED', `This needs an admin token of ${defaultNamespaceId}.`, {
    details: { namespace: namespace.id },
  });
}

/** Throws `AUTH_UNAUTHORIZED` unless the grant includes the scope. */
export function requireScope(grant: Grant, needed: Scope): void {
  if (scopes.indexOf(grant.scope) >= scopes.indexOf(needed)) return;
  throw new PokewireError(
    'AUTH_UNAUTHORIZED',
    `This needs a token with scope ${needed}; this one has ${grant.scope}.`,
    {
      details: { namespace: grant.namespace.id, needed, scope: grant.scope },
    },
  );
}

/** The grant of the token with this hash; undefined: namespace or token do not exist, or the token has expired. */
function grantedBy(namespace: Namespace | undefined, presented: string): Grant | undefined {
  const record = namespace && liveTokens(namespace, Date.now()).find(({ hash }) => sameHash(presented, hash));
  if (namespace === undefined || record === undefined) return undefined;
  const { id: tokenId, scope, expiresAtMs } = record;
  const isOperator = namespace.id === defaultNamespaceId && scope === 'admin';
  return { namespace, scope, tokenId, expiresAtMs, isOperator };
}

function openGrant(namespace: Namespace): Grant {
  return { namespace, scope: 'admin', tokenId: undefined, expiresAtMs: undefined, isOperator: true };
}

/** Placeholder for a namespace that does not exist and whose log does not exist either. */
function noNamespace(id: string): Namespace {
  return { id, uid: randomUUID(), log: newLogId(), description: '', createdAtMs: 0, tokens: [], retention: [] };
}
