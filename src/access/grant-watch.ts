import { serveInTurns } from '../message/turns.ts';
import type { LogId } from '../store/log-id.ts';
import type { Namespace, NamespaceStore } from '../store/namespace-store.ts';
import type { Grant } from './access.ts';
import { liveTokens } from './namespaces.ts';

const periodMs = 1_000;

/** Why a grant, or the log it was given for, ended. */
export type GrantEnd = 'revoked' | 'namespace-deleted' | 'log-replaced';

/** Something that must stop when its grant ends. */
type Hold = { readonly grant: Grant; readonly ended: (reason: GrantEnd) => void };

/**
 * Notifies holders of a grant when its token was revoked or has expired, its namespace was deleted, or its log
 * replaced. Polls the changes of all namespaces with one query per second, earlier on a hint, so it also notices
 * changes by other nodes.
 */
export class GrantWatch {
  readonly #namespaces: NamespaceStore;
  readonly #holds = new Map<string, Set<Hold>>();
  /** Holders whose token has an expiry. */
  readonly #expiring = new Set<Hold>();
  /** Namespaces to look up at the next check: they changed, or have new holders. */
  readonly #suspects = new Set<string>();
  readonly #lookedUp = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #unfollow: () => void;
  #revision: number | undefined = undefined;
  #isAsking = false;
  #isHinted = false;
  #hint: NodeJS.Immediate | undefined = undefined;

  constructor(namespaces: NamespaceStore) {
    this.#namespaces = namespaces;
    this.#timer = setInterval(() => void this.check(Date.now()), periodMs).unref();
    this.#unfollow = namespaces.follow(() => this.#checkSoon());
  }

  /** Calls `ended`, possibly more than once, when the grant no longer holds. Stops when the returned function is called. */
  hold(grant: Grant, ended: (reason: GrantEnd) => void): () => void {
    const { id } = grant.namespace;
    const hold: Hold = { grant, ended };
    const ofNamespace = this.#holds.getOrInsertComputed(id, () => new Set());
    ofNamespace.add(hold);
    if (grant.expiresAtMs !== undefined) this.#expiring.add(hold);
    // Otherwise a change between the look-up of the grant and this call would be missed.
    this.#suspects.add(id);
    return () => {
      this.#expiring.delete(hold);
      if (ofNamespace.delete(hold) && ofNamespace.size === 0 && this.#holds.get(id) === ofNamespace) {
        this.#holds.delete(id);
      }
    };
  }

  /** Called when a read found that the log is gone: looks up its namespaces to find the reason. */
  logGone(log: LogId): void {
    for (const [id, holds] of this.#holds) {
      for (const { grant } of holds) {
        if (grant.namespace.log !== log) continue;
        this.#suspects.add(id);
        break;
      }
    }
    this.#checkSoon();
  }

  /** Runs one check; called by the timer. A namespace whose look-up fails is retried, and does not delay others. */
  async check(nowMs: number): Promise<void> {
    const expired = [...this.#expiring].filter(({ grant }) => grant.expiresAtMs! <= nowMs);
    const ending = serveInTurns(expired, (hold) => {
      if (this.#expiring.has(hold)) hold.ended('revoked');
    });
    await this.#askForChanges();
    await Promise.all([ending, ...[...this.#suspects].map((id) => this.#lookUp(id, nowMs))]);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#hint);
    this.#unfollow();
  }

  #checkSoon(): void {
    this.#hint ??= setImmediate(() => {
      this.#hint = undefined;
      void this.check(Date.now());
    });
  }

  async #askForChanges(): Promise<void> {
    this.#isHinted = this.#isAsking;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const since = this.#revision;
      const { revision, ids } = await this.#namespaces.changesSince(since);
      this.#revision = revision;
      // The first answer lacks earlier changes, and earlier queries may have failed.
      const mayBeAny = ids === 'all' || since === undefined;
      for (const id of mayBeAny ? this.#holds.keys() : ids) this.#suspects.add(id);
    } catch {
      // The next check asks again from the same revision.
    } finally {
      this.#isAsking = false;
      // Changes made while the store answered may be missing from its answer.
      if (this.#isHinted) this.#checkSoon();
    }
  }

  async #lookUp(id: string, nowMs: number): Promise<void> {
    if (this.#lookedUp.has(id)) return;
    this.#suspects.delete(id);
    const holds = this.#holds.get(id);
    if (holds === undefined) return;
    this.#lookedUp.add(id);
    try {
      await endThose(holds, await this.#namespaces.find(id), nowMs);
    } catch {
      // Look it up again at the next check, since the result is unknown.
      this.#suspects.add(id);
    } finally {
      this.#lookedUp.delete(id);
    }
  }
}

function endThose(holds: ReadonlySet<Hold>, namespace: Namespace | undefined, nowMs: number): Promise<void> {
  const live = new Set(namespace === undefined ? [] : liveTokens(namespace, nowMs).map((token) => token.id));
  const endOf = ({ grant }: Hold): GrantEnd | undefined => {
    if (namespace?.uid !== grant.namespace.uid) return 'namespace-deleted';
    if (grant.tokenId !== undefined && !live.has(grant.tokenId)) return 'revoked';
    return namespace.log === grant.namespace.log ? undefined : 'log-replaced';
  };
  // Collected now, because the answer says nothing about grants that are given later.
  const ending = [...holds].flatMap((hold) => {
    const reason = endOf(hold);
    return reason === undefined ? [] : [{ hold, reason }];
  });
  return serveInTurns(ending, ({ hold, reason }) => {
    if (holds.has(hold)) hold.ended(reason);
  });
}
