import type { TokenRecord } from '../namespace-store.ts';
import { isConnectionFault } from './database-errors.ts';
import type { Query } from './read-pokes.ts';
import { SharedRead } from './shared-read.ts';

/** The tokens of the namespace. `revision` increases with each change. */
export type TokenSet = { readonly revision: number; readonly tokens: readonly TokenRecord[] };

/** Storage of the only namespace's tokens. */
export interface KeptTokens {
  /** The tokens as of some moment after this call. */
  read(): Promise<TokenSet>;
  /** Replaces the tokens if their revision is still this one; otherwise returns false. */
  replace(revision: number, tokens: readonly TokenRecord[]): Promise<boolean>;
}

/** Stores tokens in this process, for a database without the schema `pokewire`. */
export class ProcessTokens implements KeptTokens {
  #kept: TokenSet = { revision: 0, tokens: [] };

  async read(): Promise<TokenSet> {
    return this.#kept;
  }

  async replace(revision: number, tokens: readonly TokenRecord[]): Promise<boolean> {
    if (revision !== this.#kept.revision) return false;
    this.#kept = { revision: revision + 1, tokens };
    return true;
  }
}

/** JSON has no `undefined`, so the member is optional. */
type StoredToken = Omit<TokenRecord, 'expiresAtMs'> & { readonly expiresAtMs?: number };

/** Stores tokens in the schema `pokewire`, for all nodes. Reads them on each call; concurrent calls share a read. */
export class StoredTokens implements KeptTokens {
  readonly #query: Query;
  readonly #changed: () => void;
  readonly #reads = new SharedRead(() => this.#readOnce());
  #lastSeen: TokenSet | undefined = undefined;

  /** `changed` is called when a read finds a revision other than the previous one. */
  constructor(query: Query, changed: () => void) {
    this.#query = query;
    this.#changed = changed;
  }

  /**
   * While the database is unreachable, returns the tokens read last. An `EventSource` gives up permanently on an error,
   * and nothing can be delivered anyway until the database is available.
   */
  async read(): Promise<TokenSet> {
    try {
      return await this.#reads.run();
    } catch (error) {
      if (this.#lastSeen === undefined || !isConnectionFault((error as Error).cause)) throw error;
      return this.#lastSeen;
    }
  }

  async replace(revision: number, tokens: readonly TokenRecord[]): Promise<boolean> {
    const { rows } = await this.#query(
      `UPDATE pokewire.namespaces SET tokens = $1, revision = revision + 1
       WHERE id = 'default' AND revision = $2 RETURNING 1`,
      [JSON.stringify(tokens), revision],
    );
    if (rows.length === 0) return false;
    this.#lastSeen = { revision: revision + 1, tokens };
    return true;
  }

  async #readOnce(): Promise<TokenSet> {
    const { rows } = await this.#query<readonly [number, string]>(
      "SELECT revision, tokens FROM pokewire.namespaces WHERE id = 'default'",
    );
    const [revision, text] = rows[0] ?? [0, '[]'];
    const isChanged = this.#lastSeen !== undefined && this.#lastSeen.revision !== revision;
    this.#lastSeen = { revision, tokens: (JSON.parse(text) as StoredToken[]).map(withExpiry) };
    if (isChanged) this.#changed();
    return this.#lastSeen;
  }
}

function withExpiry(token: StoredToken): TokenRecord {
  return { ...token, expiresAtMs: token.expiresAtMs };
}
