import { randomUUID } from 'node:crypto';
import { ConfigError } from '../config-error.ts';
import { invalid, PokewireError } from '../errors.ts';
import { quote } from '../flags.ts';
import { requireSupport } from '../store/capabilities.ts';
import type { Namespace, NamespaceStore, NewNamespace, Scope, TokenRecord } from '../store/namespace-store.ts';
import { storeFull } from '../store/shared/store-full.ts';
import type { LogSummary, Store } from '../store/store.ts';
import { hashToken, namespaceIdPattern, newToken, parseToken } from './token.ts';

/** The namespace of requests that name none, and of operators. */
export const defaultNamespaceId = 'default';

/** Maximum number of valid tokens per namespace. */
export const maxTokens = 100;

/** A namespace to create. */
export type CreateNamespace = {
  readonly id: string;
  readonly description: string;
  /** Undefined: a random token is generated. */
  readonly token: string | undefined;
};

/** A token to create. */
export type CreateToken = {
  readonly label: string;
  readonly scope: Scope;
  /** Milliseconds since 1970-01-01; undefined: never expires. */
  readonly expiresAtMs: number | undefined;
};

const noMessages: LogSummary = { messages: 0, streams: 0, lastActivityMs: undefined };

/** Namespaces per page. */
export const namespacesPage = 1_000;

/**
 * Creates, describes and removes namespaces and their tokens. Concurrent changes of one namespace are retried on the
 * new state, so changes of different namespaces never wait for each other.
 */
export class Namespaces {
  readonly #store: Store;
  readonly #namespaces: NamespaceStore;
  /**
   * Increases with every change that this process made or was notified of, so that earlier look-ups are recognised as
   * stale.
   */
  changes = 0;
  readonly #unfollow: () => void;

  constructor(store: Store) {
    this.#store = store;
    this.#namespaces = store.namespaces;
    this.#unfollow = this.#namespaces.follow(() => this.changes++);
  }

  /** Stops following changes. */
  stop(): void {
    this.#unfollow();
  }

  /** Creates a namespace. Returns it with the text of its first token, which has scope admin. */
  async create({ id, description, token }: CreateNamespace): Promise<{ namespace: Namespace; token: string }> {
    const text = firstToken(id, token);
    const namespace = await this.#add(id, description, text);
    if (namespace === undefined) {
      throw new PokewireError('NAMESPACE_EXISTS', `Namespace ${id} exists.`, { details: { namespace: id } });
    }
    return { namespace, token: text };
  }

  /** Returns the namespace, created if necessary. */
  async findOrCreate({ id, description, token }: CreateNamespace): Promise<Namespace> {
    const text = firstToken(id, token);
    for (;;) {
      const namespace = (await this.#namespaces.find(id)) ?? (await this.#add(id, description, text));
      // Undefined means that it was created concurrently; look it up again.
      if (namespace !== undefined) return namespace;
    }
  }

  find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.find(id);
  }

  /** Returns the namespace; throws `NAMESPACE_NOT_FOUND`. */
  async get(id: string): Promise<Namespace> {
    const namespace = await this.#namespaces.find(id);
    if (namespace === undefined) throw namespaceNotFound(id);
    return namespace;
  }

  /** A page of namespaces by id: the first ones, or those after `after`. A page with fewer than {@link namespacesPage} is the last. */
  list(after?: string): Promise<Namespace[]> {
    return this.#namespaces.list(after, namespacesPage);
  }

  /** Counts of each of these namespaces, in the same order. */
  async summarize(namespaces: readonly Namespace[]): Promise<LogSummary[]> {
    const found = await this.#store.summarize(namespaces.map(({ log }) => log));
    return namespaces.map(({ log }) => found.get(log) ?? noMessages);
  }

  /** Removes a namespace with all its messages, and returns their number. */
  async remove(id: string): Promise<number> {
    requireSupport(this.#store, 'namespaces');
    const messages = await this.#namespaces.remove(await this.get(id));
    this.changes++;
    if (messages === undefined) throw namespaceNotFound(id);
    return messages;
  }

  /** Creates a token. Returns its record and, only this once, its text. Throws `NOT_SUPPORTED` if the store keeps no tokens. */
  async createToken(
    namespaceId: string,
    { label, scope, expiresAtMs }: CreateToken,
  ): Promise<TokenRecord & { token: string }> {
    requireSupport(this.#store, 'tokens');
    const token = newToken(namespaceId);
    const record = newTokenRecord(token, label, scope, expiresAtMs);
    await this.#changeTokens(namespaceId, (tokens) => {
      if (tokens.length >= maxTokens)
        throw invalid('token', `limit reached (${maxTokens} per namespace); revoke one first`);
      return [...tokens, record];
    });
    return { ...record, token };
  }

  /** Revokes a token. Throws `INVALID_REQUEST` if there is none with this id, or if it is the last one that can administer the server. */
  async revokeToken(namespaceId: string, tokenId: string): Promise<void> {
    await this.#changeTokens(namespaceId, (tokens) => {
      const rest = tokens.filter(({ id }) => id !== tokenId);
      if (rest.length === tokens.length) throw invalid('token', `has no id ${tokenId.slice(0, 64)} in this namespace`);
      if (namespaceId === defaultNamespaceId && tokens.some(isLastingAdmin) && !rest.some(isLastingAdmin)) {
        throw invalid(
          'token',
          `is the last admin token of ${defaultNamespaceId} that does not expire, and without one nobody could administer ` +
            'the server. Create another one first',
        );
      }
      return rest;
    });
  }

  /**
   * Replaces the valid tokens with those that `change` returns for them. If they changed concurrently, calls `change`
   * again: otherwise one change would undo the other, and bring a revoked token back.
   */
  async #changeTokens(id: string, change: (live: readonly TokenRecord[]) => TokenRecord[]): Promise<void> {
    for (;;) {
      const namespace = await this.get(id);
      const stored = await this.#namespaces.setTokens(namespace, change(liveTokens(namespace, Date.now())));
      this.changes++;
      if (stored) return;
    }
  }

  /** Adds a namespace; undefined: the id exists. Throws `TOO_MANY_NAMESPACES` or `STORE_FULL`. */
  async #add(id: string, description: string, token: string): Promise<Namespace | undefined> {
    requireSupport(this.#store, 'namespaces');
    const outcome = await this.#namespaces.create(newNamespace(id, description, token));
    switch (outcome.outcome) {
      case 'created':
        this.changes++;
        return outcome.namespace;
      case 'exists':
        return undefined;
      case 'too-many':
        throw tooManyNamespaces(outcome.maxNamespaces);
      case 'full':
        throw storeFull(outcome);
    }
  }

  /**
   * Makes the token the only one of the namespace `default`, created if necessary. A generated token (`isGiven` false)
   * does not replace tokens that the store has kept. Returns a description of the result for the log.
   */
  async openDefault(token: string, isGiven = true): Promise<'made' | 'kept' | 'replaced'> {
    judgeDefaultToken(token);
    const found = await this.#namespaces.find(defaultNamespaceId);
    if (found === undefined && (await this.#add(defaultNamespaceId, 'Default namespace', token)) !== undefined) {
      return 'made';
    }
    const record = newTokenRecord(token, 'first', 'admin', undefined);
    const sameIn = (tokens: readonly TokenRecord[]) =>
      tokens.find((stored) => stored.hash === record.hash && isLastingAdmin(stored));
    const isKept = (tokens: readonly TokenRecord[]) =>
      isGiven ? sameIn(tokens) !== undefined && tokens.length === 1 : tokens.some(isLastingAdmin);
    // Does not write if nothing changes, so that a store on a full disk opens too.
    if (found !== undefined && isKept(found.tokens)) return 'kept';
    // Keeping its id keeps the subscriptions that other nodes opened with it.
    let wereKept = false;
    await this.#changeTokens(defaultNamespaceId, (tokens) => {
      wereKept = isKept(tokens);
      return wereKept ? [...tokens] : [sameIn(tokens) ?? record];
    });
    // Another node that started at the same moment was first.
    if (wereKept) return 'kept';
    // A store that keeps no tokens has nothing to replace.
    return found?.tokens.length === 0 ? 'made' : 'replaced';
  }
}

/** Throws {@link ConfigError} for a `--token` that cannot belong to `default`. */
export function judgeDefaultToken(token: string): void {
  const parsed = parseToken(token);
  if ('problem' in parsed) throw new ConfigError(`--token is malformed: ${parsed.problem}`);
  if (parsed.namespace === defaultNamespaceId) return;
  throw new ConfigError(`--token must be one of namespace ${defaultNamespaceId}, not of ${quote(parsed.namespace)}`);
}

/** Tokens that have not expired. */
export function liveTokens(namespace: Namespace, nowMs: number): TokenRecord[] {
  return namespace.tokens.filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > nowMs);
}

/** The first token of a new namespace, given or generated; throws `INVALID_REQUEST`. */
function firstToken(id: string, given: string | undefined): string {
  checkNamespaceId(id);
  const text = given ?? newToken(id);
  const parsed = parseToken(text);
  if ('problem' in parsed) throw invalid('token', `is malformed: ${parsed.problem}`);
  if (parsed.namespace !== id) throw invalid('token', `is one of namespace ${parsed.namespace}, not of ${id}`);
  return text;
}

/** Throws `INVALID_REQUEST` if this is not a valid namespace id. */
export function checkNamespaceId(id: string): void {
  if (!namespaceIdPattern.test(id)) {
    throw invalid(
      'namespace',
      'must be 1 to 128 letters, digits, dots, hyphens or underscores, and start with a letter or digit',
    );
  }
}

function newNamespace(id: string, description: string, token: string): NewNamespace {
  const tokens = [newTokenRecord(token, 'first', 'admin', undefined)];
  return { id, uid: randomUUID(), description, createdAtMs: Date.now(), tokens };
}

function isLastingAdmin({ scope, expiresAtMs }: TokenRecord): boolean {
  return scope === 'admin' && expiresAtMs === undefined;
}

function tooManyNamespaces(maxNamespaces: number): PokewireError {
  return new PokewireError(
    'TOO_MANY_NAMESPACES',
    `Limit reached (${maxNamespaces} namespaces). Delete one first, or raise --max-namespaces.`,
    { details: { maxNamespaces } },
  );
}

/** The error for an unknown namespace. */
export function namespaceNotFound(id: string): PokewireError {
  return new PokewireError('NAMESPACE_NOT_FOUND', `There is no namespace ${id}.`, { details: { namespace: id } });
}

function newTokenRecord(token: string, label: string, scope: Scope, expiresAtMs: number | undefined): TokenRecord {
  return { id: randomUUID(), label, hash: hashToken(token), scope, createdAtMs: Date.now(), expiresAtMs };
}
