import { randomUUID } from 'node:crypto';
import { invalid, PokewireError } from '../errors.ts';
import type { MessageStore } from '../store/message-store.ts';
import type { Namespace, NamespaceStore, Scope, TokenRecord } from '../store/namespace-store.ts';
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

/** Counts of one namespace. */
export type NamespaceUsage = {
  readonly messages: number;
  readonly streams: number;
  readonly lastActivityMs: number | undefined;
};

/** Creates, describes and removes namespaces and their tokens. Each namespace is a log of its own in the message store. */
export class Namespaces {
  readonly #namespaces: NamespaceStore;
  readonly #messages: MessageStore;
  readonly #removed: (namespace: Namespace) => void;
  /** Rises with every change to a namespace or its tokens, so that what was looked up before can be known to be old. */
  changes = 0;
  #lastChange: Promise<void> = Promise.resolve();

  /** `removed` is told of a namespace that is no more, so that its subscriptions end. */
  constructor(namespaces: NamespaceStore, messages: MessageStore, removed: (namespace: Namespace) => void) {
    this.#namespaces = namespaces;
    this.#messages = messages;
    this.#removed = removed;
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
    if (namespace === undefined) throw notFound(id);
    return namespace;
  }

  /** All of them, by id. */
  list(): Promise<Namespace[]> {
    return this.#namespaces.list();
  }

  usage(namespace: Namespace): Promise<NamespaceUsage> {
    return this.#messages.describeLog(namespace.log);
  }

  /** Removes a namespace with all its messages and returns how many there were. */
  remove(id: string): Promise<number> {
    return this.#inTurn(async () => {
      const namespace = await this.get(id);
      // The messages go first: once the id is free, a new namespace must know how far this one came.
      const { messages, head } = await this.#messages.drop(namespace.log);
      const removed = await this.#namespaces.remove(namespace, head);
      this.changes++;
      this.#removed(namespace);
      if (!removed) throw notFound(id);
      return messages;
    });
  }

  /** Makes a further token and returns its record and, this once, its text. */
  async createToken(
    namespaceId: string,
    { label, scope, expiresAtMs }: CreateToken,
  ): Promise<TokenRecord & { token: string }> {
    const token = newToken(namespaceId);
    const record = newTokenRecord(token, label, scope, expiresAtMs);
    await this.#changeTokens(namespaceId, (tokens) => {
      if (tokens.length >= maxTokens)
        throw invalid('token', `is one too many: a namespace has at most ${maxTokens}; revoke one`);
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
          `is the last admin token of ${defaultNamespaceId} that does not expire: without it nobody could run the server ` +
            'some day. Make another one first',
        );
      }
      return rest;
    });
  }

  /**
   * Changes the tokens that are live, from what they are: two changes at once would otherwise undo each other, and bring a
   * revoked token back. Those of this process take turns; when another one was first, `change` is asked again.
   */
  #changeTokens(id: string, change: (live: readonly TokenRecord[]) => TokenRecord[]): Promise<void> {
    return this.#inTurn(async () => {
      for (;;) {
        const namespace = await this.get(id);
        const stored = await this.#namespaces.setTokens(namespace, change(liveTokens(namespace, Date.now())));
        this.changes++;
        if (stored) return;
      }
    });
  }

  /** Runs one change after the other. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.then(
      () => {},
      () => {},
    );
    return changed;
  }

  /** Adds a namespace, behind every position that an earlier one of its id reached; undefined: the id is taken. */
  async #add(id: string, description: string, token: string): Promise<Namespace | undefined> {
    while ((await this.#namespaces.find(id)) === undefined) {
      const reached = await this.#namespaces.formerHead(id);
      // One position stays free, so that also a cursor at the very end of the old log lies before all of this one.
      const behind = reached === 0 ? 0 : reached + 1;
      const namespace = newNamespace({ id, description, token, behind });
      // Before anybody can append to it.
      if (behind > 0) await this.#messages.begin(namespace.log, behind);
      const created = await this.#namespaces.create(namespace);
      this.changes++;
      if (created) return namespace;
      if (behind > 0) await this.#messages.drop(namespace.log);
    }
    return undefined;
  }

  /**
   * Makes the token the only one of the namespace `default`, which it creates when it is not there. Returns whether others
   * gave way, so that this can be told.
   */
  async openDefault(token: string): Promise<boolean> {
    const parsed = parseToken(token);
    if ('problem' in parsed) throw invalid('--token', `is malformed: ${parsed.problem}`);
    if (parsed.namespace !== defaultNamespaceId) {
      throw invalid('--token', `must be one of namespace ${defaultNamespaceId}, not of ${parsed.namespace}`);
    }
    if ((await this.#add(defaultNamespaceId, 'Default namespace', token)) !== undefined) return false;
    const record = newTokenRecord(token, 'first', 'admin', undefined);
    let replaces = false;
    await this.#changeTokens(defaultNamespaceId, (tokens) => {
      // With its id stay the subscriptions that other nodes have by it.
      const same = tokens.find((stored) => stored.hash === record.hash && isLastingAdmin(stored));
      replaces = same === undefined || tokens.length > 1;
      return [same ?? record];
    });
    return replaces;
  }
}

/** Tokens that have not expired. */
export function liveTokens(namespace: Namespace, nowMs: number): TokenRecord[] {
  return namespace.tokens.filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > nowMs);
}

/** The text of a new namespace's first token, the given one if there is one; throws `INVALID_REQUEST`. */
function firstToken(id: string, given: string | undefined): string {
  if (!namespaceIdPattern.test(id)) {
    throw invalid(
      'namespace',
      'must be 1 to 128 letters, digits, dots, hyphens or underscores, and begin with a letter or digit',
    );
  }
  const text = given ?? newToken(id);
  const parsed = parseToken(text);
  if ('problem' in parsed) throw invalid('token', `is malformed: ${parsed.problem}`);
  if (parsed.namespace !== id) throw invalid('token', `is one of namespace ${parsed.namespace}, not of ${id}`);
  return text;
}

type NamespaceParts = {
  readonly id: string;
  readonly description: string;
  readonly token: string;
  readonly behind: number;
};

function newNamespace({ id, description, token, behind }: NamespaceParts): Namespace {
  const tokens = [newTokenRecord(token, 'first', 'admin', undefined)];
  return { id, log: randomUUID(), behind, description, createdAtMs: Date.now(), tokens };
}

function isLastingAdmin({ scope, expiresAtMs }: TokenRecord): boolean {
  return scope === 'admin' && expiresAtMs === undefined;
}

function notFound(id: string): PokewireError {
  return new PokewireError('NAMESPACE_NOT_FOUND', `There is no namespace ${id}.`, { details: { namespace: id } });
}

function newTokenRecord(token: string, label: string, scope: Scope, expiresAtMs: number | undefined): TokenRecord {
  return { id: randomUUID(), label, hash: hashToken(token), scope, createdAtMs: Date.now(), expiresAtMs };
}
