/** What a token lets its holder do; each includes the ones before it. */
export const scopes = ['read', 'write', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** A token as it is kept: never its text. */
export type TokenRecord = {
  /** Names it for revocation. */
  readonly id: string;
  readonly label: string;
  /** Hexadecimal SHA-256 of the token. */
  readonly hash: string;
  readonly scope: Scope;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAtMs: number | undefined;
};

/** A tenant: its messages are a log of its own. */
export type Namespace = {
  readonly id: string;
  /** Names its log in the message store: another one for each namespace that is created, also of the same id. */
  readonly log: string;
  readonly description: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly tokens: readonly TokenRecord[];
};

/** Where namespaces and the hashes of their tokens live. Checked by `test/contract/`, like the message store. */
export interface NamespaceStore {
  /** Adds a namespace; false: its id is taken. */
  create(namespace: Namespace): Promise<boolean>;

  find(id: string): Promise<Namespace | undefined>;

  /** All of them, by id. */
  list(): Promise<Namespace[]>;

  /** Puts other tokens in place of the namespace's; false: it does not exist, or is another one by now. */
  setTokens(namespace: Namespace, tokens: readonly TokenRecord[]): Promise<boolean>;

  /** Takes a namespace away; false: it does not exist, or is another one by now. */
  remove(namespace: Namespace): Promise<boolean>;
}
