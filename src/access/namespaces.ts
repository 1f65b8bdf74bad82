import { randomUUID } from 'node:crypto';
import { ConfigError } from '../config-error.ts';
import { invalid, PokewireError } from '../errors.ts';
import { quote } from '../flags.ts';
import { requireSupport } from '../store/capabilities.ts';
import type { Namespace, NamespaceStore, NewNamespace, Scope, TokenRecord } from '../store/namespace-store.ts';
import { storeFull } from '../store/shared/store-full.ts';
import type { LogSummary, Store } from '../store/store.ts';
import { hashToken, namespaceIdPattern, newToken, parseToken } from './token.ts';

/** The namespace of requests that name none, and of those who run the server. */
export const defaultNamespaceId = 'default';

/** Live tokens of one namespace at most. */
export const maxTokens = 100;

/** A namespace to be made. */
export type CreateNamespace = {
  readonly id: string;
  readonly description: string;
  /** Undefined: a random one is made. */
  readonly token: string | undefined;
};

/** A token to be made. */
export type CreateToken = {
  readonly label: string;
  readonly scope: Scope;
  /** Milliseconds since 1970; undefined: never expires. */
  readonly expiresAtMs: number | undefined;
};

const noMessages: LogSummary = { messages: 0, streams: 0, lastActivityMs: undefined };

/** Namespaces of one page. */
export const namespacesPage = 1_000;

/**
 * Creates, describes and removes namespaces and their tokens. Changes of one namespace that meet repeat themselves on what
 * the other one left, so none waits for another namespace's.
 */
export class Namespaces {
  readonly #store: Store;
  readonly #namespaces: NamespaceStore;
  /** Rises with every change that this process made or heard of, so that what was looked up before can be known to be old. */
  changes = 0;
  readonly #unfollow: () => void;

  constructor(store: Store) {
    this.#store = store;
    this.#namespaces = store.namespaces;
    this.#unfollow = this.#namespaces.follow(() => this.changes++);
  }

  /** Hears of no more changes. */
  stop(): void {
    this.#unfollow();
  }

  /** Creates a namespace and returns it with the text of its first token, which has every right in it. */
  async create({ id, description, token }: CreateNamespace): Promise<{ namespace: Namespace; token: string }> {
    const text = firstToken(id, token);
    const namespace = await this.#add(id, description, text);
    if (namespace === undefined) {
      throw new PokewireError('NAMESPACE_EXISTS', `Namespace ${id} exists.`, { details: { namespace: id } });
    }
    return { namespace, token: text };
  }

  /** The namespace, which is created unless it is there. */
  async findOrCreate({ id, description, token }: CreateNamespace): Promise<Namespace> {
    const text = firstToken(id, token);
    for (;;) {
      const namespace = (await this.#namespaces.find(id)) ?? (await this.#add(id, description, text));
      // Otherwise somebody else was first in between.
      if (namespace !== undefined) return namespace;
    }
  }

  find(id: string): Promise<Namespace | undefined> {
    return this.#namespaces.find(id);
  }

  /** The namespace; throws `NAMESPACE_NOT_FOUND`. */
  async get(id: string): Promise<Namespace> {
    const namespace = await this.#namespaces.find(id);
    if (namespace === undefined) throw namespaceNotFound(id);
    return namespace;
  }

  /** A page of them, by id: the first ones, or those behind `after`. One of fewer than {@link namespacesPage} is the last. */
  list(after?: string): Promise<Namespace[]> {
    return this.#namespaces.list(after, namespacesPage);
  }

  /** Counts of each of these namespaces, in their order. */
  async summarize(namespaces: readonly Namespace[]): Promise<LogSummary[]> {
    const found = await this.#store.summarize(namespaces.map(({ log }) => log));
    return namespaces.map(({ log }) => found.get(log) ?? noMessages);
  }

  /** Removes a namespace with all its messages and returns how many there were. */
  async remove(id: string): Promise<number> {
    requireSupport(this.#store, 'namespaces');
    const messages = await this.#namespaces.remove(await this.get(id));
    this.changes++;
    if (messages === undefined) throw namespaceNotFound(id);
    return messages;
  }

  /** Makes a further token and returns its record and, this once, its text. Throws `NOT_SUPPORTED` where none are kept. */
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

  /**
   * Revokes a token; throws `INVALID_REQUEST` when there is no such token, or when nobody could run the server without it.
   */
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
   * Changes the tokens that are live, from what they are: two changes at once would otherwise undo each other, and bring a
   * revoked token back. When another one was first, `change` is asked again.
   */
  async #changeTokens(id: string, change: (live: readonly TokenRecord[]) => TokenRecord[]): Promise<void> {
    for (;;) {
      const namespace = await this.get(id);
      const stored = await this.#namespaces.setTokens(namespace, change(liveTokens(namespace, Date.now())));
      this.changes++;
      if (stored) return;
    }
  }

  /** Adds a namespace; undefined: the id is taken. Throws `TOO_MANY_NAMESPACES` or `STORE_FULL`. */
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
   * Makes the token the only one of the namespace `default`, which it creates when it is not there; one that was not chosen by
   * anybody (`isGiven`) gives way to what a store has kept. Returns what became of it, so that this can be told.
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
    // Without a write: a store whose disk is full opens too.
    if (found !== undefined && isKept(found.tokens)) return 'kept';
    // With its id stay the subscriptions that other nodes have by it.
    let wereKept = false;
    await this.#changeTokens(defaultNamespaceId, (tokens) => {
      wereKept = isKept(tokens);
      return wereKept ? [...tokens] : [sameIn(tokens) ?? record];
    });
    // Another node that starts at the same moment was first.
    if (wereKept) return 'kept';
    // A store that keeps no tokens has no earlier ones to replace.
    return found?.tokens.length === 0 ? 'made' : 'replaced';
  }
}

/** Refuses a `--token` that could not be one of `default`; throws {@link ConfigError}. */
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

/** The first token of a new namespace: the given one, or a new one; throws `INVALID_REQUEST`. */
function firstToken(id: string, given: string | undefined): string {
  checkNamespaceId(id);
  const text = given ?? newToken(id);
  const parsed = parseToken(text);
  if ('problem' in parsed) throw invalid('token', `is malformed: ${parsed.problem}`);
  if (parsed.namespace !== id) throw invalid('token', `is one of namespace ${parsed.namespace}, not of ${id}`);
  return text;
}

/** Throws `INVALID_REQUEST` when no namespace can have this id. */
export function checkNamespaceId(id: string): void {
  if (!namespaceIdPattern.test(id)) {
    throw invalid(
      'namespace',
      'must be 1 to 128 letters, digits, dots, hyphens or underscores, and begin with a letter or digit',
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

/** The refusal where there is no such namespace. */
export function namespaceNotFound(id: string): PokewireError {
  return new PokewireError('NAMESPACE_NOT_FOUND', `There is no namespace ${id}.`, { details: { namespace: id } });
}

function newTokenRecord(token: string, label: string, scope: Scope, expiresAtMs: number | undefined): TokenRecord {
  return { id: randomUUID(), label, hash: hashToken(token), scope, createdAtMs: Date.now(), expiresAtMs };
}
