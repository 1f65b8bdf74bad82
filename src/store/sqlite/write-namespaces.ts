import type { DatabaseSync } from 'node:sqlite';
import type { Message } from '../../message/message.ts';
import type { ImportOutcome } from '../log.ts';
import { type LogId, newLogId } from '../log-id.ts';
import type { CreateOutcome, Namespace, NewNamespace, TokenRecord } from '../namespace-store.ts';
import type { Forgotten, RetentionLimits, RetentionOutcome, RetentionRule } from '../retention.ts';
import type { Account, ByteBudget } from '../shared/byte-budget.ts';
import { ForgettingTurns, forgetsWhenFull, withRule } from '../shared/retention-rules.ts';
import { sameTokens } from '../shared/same-tokens.ts';
import type { StoreLimits } from '../store.ts';
import { Query } from './rows.ts';
import { logState } from './schema.ts';
import type { LogState } from './state-rows.ts';
import { type ForgettingWriter, forgettingSlice } from './write-forgetting.ts';
import type { GroupWriter } from './write-groups.ts';
import type { MessageWriter } from './write-messages.ts';
import type { WriteState } from './write-state.ts';

/** Number of removed ids with a separate head. The highest head dropped applies to every other id. */
const maxFormerHeads = 100_000;

/** Other writers within the same transactions. */
export type WriterParts = {
  readonly state: WriteState;
  readonly budget: ByteBudget;
  readonly messages: MessageWriter;
  readonly forgetting: ForgettingWriter;
  readonly groups: GroupWriter;
};

/** Identifies a namespace. A recreated namespace has another `uid`. */
export type NamespaceName = Pick<Namespace, 'id' | 'uid'>;

/** Changes namespaces and their logs within the transaction of their group. */
export class NamespaceWriter {
  readonly #namespaces = new Map<string, Namespace>();
  readonly #accounts = new Map<string, Account>();
  readonly #state: WriteState;
  readonly #budget: ByteBudget;
  readonly #messages: MessageWriter;
  readonly #groups: GroupWriter;
  readonly #maxNamespaces: number;
  readonly #retention: RetentionLimits;
  readonly #turns: ForgettingTurns;
  readonly #list;
  readonly #insert;
  readonly #update;
  readonly #delete;
  readonly #formerHead;
  readonly #keepHead;
  readonly #forgetHead;
  readonly #countHeads;
  readonly #oldestHead;
  readonly #meta;
  readonly #setMeta;

  constructor(
    database: DatabaseSync,
    { state, budget, messages, forgetting, groups }: WriterParts,
    { maxNamespaces, retention = {} }: StoreLimits,
  ) {
    this.#state = state;
    this.#budget = budget;
    this.#messages = messages;
    this.#groups = groups;
    this.#maxNamespaces = maxNamespaces;
    this.#retention = retention;
    this.#turns = new ForgettingTurns({
      namespaces: () => this.#namespaces.values(),
      initial: retention,
      slice: forgettingSlice,
      forget: (namespace, rule, most, nowMs) => forgetting.forget(this.#logOf(namespace), rule, most, nowMs),
    });
    this.#list = new Query<readonly [string, string, string, string, number, string, string]>(
      database,
      `SELECT n.id, n.uid, l.epoch, n.description, n.created_ms, n.tokens, n.retention
       FROM namespaces n JOIN logs l ON l.number = n.log`,
    );
    this.#insert = new Query(
      database,
      `INSERT INTO namespaces(id, uid, log, description, created_ms, tokens, retention) VALUES (?, ?, ?, ?, ?, ?, '[]')`,
    );
    this.#update = new Query(database, 'UPDATE namespaces SET log = ?, tokens = ?, retention = ? WHERE id = ?');
    this.#delete = new Query(database, 'DELETE FROM namespaces WHERE id = ?');
    this.#formerHead = new Query<readonly [number]>(database, 'SELECT head FROM former_heads WHERE id = ?');
    this.#keepHead = new Query(database, 'INSERT OR REPLACE INTO former_heads(id, head) VALUES (?, ?)');
    this.#forgetHead = new Query(database, 'DELETE FROM former_heads WHERE id = ?');
    this.#countHeads = new Query<readonly [number]>(database, 'SELECT count(*) FROM former_heads');
    this.#oldestHead = new Query<readonly [string, number]>(
      database,
      'SELECT id, head FROM former_heads ORDER BY number LIMIT 1',
    );
    this.#meta = new Query<readonly [number]>(database, 'SELECT value FROM meta WHERE key = ?');
    this.#setMeta = new Query(database, 'INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)');
  }

  /** Loads everything, at the start and after a rollback. */
  load(): void {
    this.#turns.restart();
    this.#namespaces.clear();
    this.#accounts.clear();
    this.#budget.bytes = 0;
    for (const [id, uid, log, description, createdAtMs, tokens, rules] of this.#list.all()) {
      const records = (JSON.parse(tokens) as StoredToken[]).map(withExpiry);
      const retention = (JSON.parse(rules) as StoredRule[]).map(withCategory);
      const namespace: Namespace = { id, uid, log: log as LogId, description, createdAtMs, tokens: records, retention };
      this.#namespaces.set(id, namespace);
      const account = this.#budget.reopen(namespace);
      account.forgetsWhenFull = forgetsWhenFull(namespace, this.#retention);
      this.#accounts.set(id, account);
    }
    this.#state.load((id) => this.#accounts.get(id) ?? { bytes: 0, forgetsWhenFull: false });
    for (const log of this.#state.logs) this.#budget.recount(log);
  }

  get all(): Namespace[] {
    return [...this.#namespaces.values()];
  }

  /** Number of changes since the file was created. */
  get revision(): number {
    return this.#meta.first('revision')?.[0] ?? 0;
  }

  create(namespace: NewNamespace): CreateOutcome {
    const { id, uid, description, createdAtMs, tokens } = namespace;
    const maxNamespaces = this.#maxNamespaces;
    if (this.#namespaces.has(id)) return { outcome: 'exists' };
    if (this.#namespaces.size >= maxNamespaces) return { outcome: 'too-many', maxNamespaces };
    const account = this.#budget.open(namespace);
    if ('outcome' in account) return account;
    const reached = this.#takeHead(id);
    const log = this.#state.addLog(newLogId(), id, account, logState.live, reached === 0 ? 0 : reached + 1);
    this.#insert.run(id, uid, log.number, description, createdAtMs, JSON.stringify(tokens));
    const created: Namespace = { ...namespace, log: log.id, retention: [] };
    account.forgetsWhenFull = forgetsWhenFull(created, this.#retention);
    this.#namespaces.set(id, created);
    this.#accounts.set(id, account);
    this.#noteChange();
    return { outcome: 'created', namespace: created };
  }

  /** Replaces the tokens and returns the namespace; undefined if it was deleted, recreated, or has other tokens by now. */
  setTokens(name: NamespaceName, old: readonly TokenRecord[], tokens: readonly TokenRecord[]): Namespace | undefined {
    const found = this.#find(name);
    if (found === undefined || !sameTokens(found.tokens, old)) return undefined;
    const log = this.#logOf(found);
    this.#budget.replaceTokens(log.account, found.tokens, tokens);
    return this.#change({ ...found, tokens }, log);
  }

  /** Changes a rule and returns the namespace. */
  setRetention(
    name: NamespaceName,
    category: string | undefined,
    limits: RetentionLimits | undefined,
  ): Namespace | Exclude<RetentionOutcome, 'changed'> {
    const found = this.#find(name);
    if (found === undefined) return 'gone';
    const retention = withRule(found.retention, category, limits);
    if (retention === undefined) return 'too-many';
    const log = this.#logOf(found);
    this.#budget.replaceRules(log.account, found.retention, retention);
    const changed = { ...found, retention };
    log.account.forgetsWhenFull = forgetsWhenFull(changed, this.#retention);
    return this.#change(changed, log);
  }

  /** Runs one slice of retention. */
  forget(nowMs: number): Forgotten {
    return this.#turns.forget(nowMs);
  }

  /** Removes the namespace and returns the number of its messages; undefined if it was deleted or recreated. */
  remove(name: NamespaceName): { readonly messages: number; readonly log: LogId } | undefined {
    const found = this.#find(name);
    if (found === undefined) return undefined;
    const log = this.#logOf(found);
    for (const other of [...this.#state.logs]) if (other.namespace === found.id) this.#discard(other);
    this.#budget.close(log.account, found);
    this.#keepHeadOf(found.id, log.head);
    this.#delete.run(found.id);
    this.#groups.removeAll(found.uid);
    this.#namespaces.delete(found.id);
    this.#accounts.delete(found.id);
    this.#noteChange();
    return { messages: log.messages, log: log.id };
  }

  /** Creates a log to replace the namespace's; undefined if the namespace was deleted or recreated. */
  stage(name: NamespaceName): LogId | undefined {
    const found = this.#find(name);
    if (found === undefined) return undefined;
    return this.#state.addLog(newLogId(), found.id, this.#logOf(found).account, logState.staged, 0).id;
  }

  importInto(id: LogId, messages: readonly Message[]): ImportOutcome {
    const log = this.#state.log(id);
    return log === undefined ? { outcome: 'gone' } : this.#messages.importInto(log, messages);
  }

  isThere(id: LogId): boolean {
    return this.#state.log(id) !== undefined;
  }

  /** Replaces the namespace's log by a staged one; undefined if either no longer exists. */
  replace(name: NamespaceName, staged: LogId): { readonly namespace: Namespace; readonly old: LogId } | undefined {
    const found = this.#find(name);
    const log = this.#state.log(staged);
    if (found === undefined || log === undefined) return undefined;
    const old = this.#logOf(found);
    log.head = Math.max(log.head, old.head);
    log.behind = old.behind;
    log.state = logState.live;
    this.#state.changed(log);
    this.#discard(old);
    return { namespace: this.#change({ ...found, log: log.id }, log), old: old.id };
  }

  /** Discards a staged log. */
  discardStaged(id: LogId): void {
    const log = this.#state.log(id);
    if (log?.state === logState.staged) this.#discard(log);
  }

  #change(namespace: Namespace, log: LogState): Namespace {
    const { id, tokens, retention } = namespace;
    this.#update.run(log.number, JSON.stringify(tokens), JSON.stringify(retention), id);
    this.#namespaces.set(namespace.id, namespace);
    this.#noteChange();
    return namespace;
  }

  #discard(log: LogState): void {
    this.#budget.release(log);
    this.#state.bury(log);
  }

  #find({ id, uid }: NamespaceName): Namespace | undefined {
    const found = this.#namespaces.get(id);
    return found?.uid === uid ? found : undefined;
  }

  #logOf({ log }: Namespace): LogState {
    return this.#state.log(log)!;
  }

  #takeHead(id: string): number {
    const kept = this.#formerHead.first(id)?.[0];
    if (kept === undefined) return this.#meta.first('former_heads_floor')?.[0] ?? 0;
    this.#forgetHead.run(id);
    return kept;
  }

  #keepHeadOf(id: string, head: number): void {
    this.#keepHead.run(id, head);
    if (this.#countHeads.first()![0] <= maxFormerHeads) return;
    const [oldest, reached] = this.#oldestHead.first()!;
    this.#forgetHead.run(oldest);
    this.#setMeta.run('former_heads_floor', Math.max(reached, this.#meta.first('former_heads_floor')?.[0] ?? 0));
  }

  #noteChange(): void {
    this.#setMeta.run('revision', this.revision + 1);
  }
}

type StoredRule = { readonly category?: string; readonly limits: RetentionLimits };

function withCategory({ category, limits }: StoredRule): RetentionRule {
  return { category, limits };
}

type StoredToken = Omit<TokenRecord, 'expiresAtMs'> & { readonly expiresAtMs?: number };

/** JSON has no `undefined`, so the missing member is restored. */
function withExpiry(token: StoredToken): TokenRecord {
  return { ...token, expiresAtMs: token.expiresAtMs };
}
