import { randomUUID } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import { newLogId } from '../store/log-id.ts';
import { type Namespace, type Scope, scopes } from '../store/namespace-store.ts';
import { checkNamespaceId, defaultNamespaceId, liveTokens, type Namespaces, namespaceNotFound } from './namespaces.ts';
import { hashToken, parseToken, sameHash } from './token.ts';

/** How long a found namespace `default` is used: changes by other nodes take effect within this time. */
const knownMs = 1_000;

/** `off`: every request may do everything, a token only names the namespace. `token`: a valid token is needed. */
export type AuthMode = 'off' | 'token';

/** What a request may do. */
export type Grant = {
  readonly namespace: Namespace;
  readonly scope: Scope;
  /** The token it came by; undefined without authentication. */
  readonly tokenId: string | undefined;
  /** When that token expires, milliseconds since 1970; undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** Whether it may act on other namespaces: an admin token of `default`, or no authentication. */
  readonly isOperator: boolean;
  /** Only where the namespace does not exist, without authentication: makes it, or throws `NAMESPACE_NOT_FOUND`. */
  readonly makeNamespace?: () => Promise<Grant>;
  /** Digest of the only selection it may subscribe to; absent: any. */
  readonly boundTo?: string;
};

/** The namespace `default` as it was found. Valid until `untilMs`, unless something changes before. */
type Known = {
  readonly namespace: Namespace;
  /** What every request may do without authentication. */
  readonly openGrant: Grant;
  readonly changes: number;
  readonly untilMs: number;
};

/**
 * Decides what a credential allows: the one check behind every route. Caches the namespace `default` for a second. On a networked
 * store each append would otherwise wait for a look-up, and thousands of subscribers that reconnect would each cause one.
 */
export class Access {
  readonly mode: AuthMode;
  readonly #namespaces: Namespaces;
  readonly #makesNamespaces: boolean;
  #lastFound: Known | undefined = undefined;

  /** `makesNamespaces`: whether a write may make the namespace that its token names; only without authentication. */
  constructor(mode: AuthMode, namespaces: Namespaces, makesNamespaces = false) {
    this.mode = mode;
    this.#makesNamespaces = makesNamespaces;
    this.#namespaces = namespaces;
  }

  /**
   * What a request without credential may do when none is asked for; undefined: not known now, so ask
   * {@link Access.check}. Saves most requests of a server without authentication a look-up and its promises.
   */
  get open(): Grant | undefined {
    return this.mode === 'off' ? this.#known?.openGrant : undefined;
  }

  get #known(): Known | undefined {
    const known = this.#lastFound;
    if (known?.changes !== this.#namespaces.changes) return undefined;
    return performance.now() < known.untilMs ? known : undefined;
  }

  /** What the token allows; throws `AUTH_REQUIRED`, `AUTH_INVALID_TOKEN` or `AUTH_UNAUTHORIZED`. */
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
    // Another node may have just made a token that the cached namespace lacks.
    const grant = grantedBy(known?.namespace, presented) ?? grantedBy(await this.#find(parsed.namespace), presented);
    if (grant === undefined) {
      // The same answer for a namespace that does not exist, so that nobody can ask which do.
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
    // Read first: a change during the look-up makes the cached namespace invalid.
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
 * The grant once its namespace exists. A request that writes may make it in test mode; any other throws
 * `NAMESPACE_NOT_FOUND`, so that links and images of foreign pages leave nothing behind.
 */
export async function withNamespace(grant: Grant, writes: boolean): Promise<Grant> {
  if (grant.makeNamespace === undefined) return grant;
  if (writes) return grant.makeNamespace();
  throw namespaceNotFound(grant.namespace.id);
}

/** Throws `AUTH_UNAUTHORIZED` when the grant is not an operator's. */
export function requireOperator({ isOperator, namespace }: Grant): void {
  if (isOperator) return;
  throw new PokewireError('AUTH_UNAUTHORIZED', `This needs an admin token of ${defaultNamespaceId}.`, {
    details: { namespace: namespace.id },
  });
}

/** Throws `AUTH_UNAUTHORIZED` when the grant does not reach the scope. */
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

/** What the token with this hash allows; undefined: there is no such namespace or token, or the token has expired. */
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

/** Stands for a namespace that does not exist; its log never was. */
function noNamespace(id: string): Namespace {
  return { id, uid: randomUUID(), log: newLogId(), description: '', createdAtMs: 0, tokens: [], retention: [] };
}
