import type { TokenRecord } from '../namespace-store.ts';
import { isConnectionFault } from './database-errors.ts';
import type { Query } from './read-pokes.ts';
import { SharedRead } from './shared-read.ts';

/** The tokens of the namespace. `revision` rises with each change. */
export type TokenSet = { readonly revision: number; readonly tokens: readonly TokenRecord[] };

/** Where the tokens of the one namespace are. */
export interface KeptTokens {
  /** The tokens at some moment after this call. */
  read(): Promise<TokenSet>;
  /** Replaces the tokens if they still have this revision; false: they have another by now. */
  replace(revision: number, tokens: readonly TokenRecord[]): Promise<boolean>;
}

/** Keeps tokens in this process, for a database without the schema `pokewire`. */
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

/** JSON has no `undefined`. */
type StoredToken = Omit<TokenRecord, 'expiresAtMs'> & { readonly expiresAtMs?: number };

/** Keeps tokens in the schema `pokewire`, for all nodes. Reads them every time; concurrent requests share a read. */
export class StoredTokens implements KeptTokens {
  readonly #query: Query;
  readonly #changed: () => void;
  readonly #reads = new SharedRead(() => this.#readOnce());
  #lastSeen: TokenSet | undefined = undefined;

  /** `changed` is called when a read finds another revision than the one before. */
  constructor(query: Query, changed: () => void) {
    this.#query = query;
    this.#changed = changed;
  }

  /**
   * Answers with the last tokens read while the database is away. An `EventSource` gives up for good at an error, and no message
   * can be delivered until the database is back.
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
