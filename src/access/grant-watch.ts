import type { Transfer, Transfers } from '../admission/transfers.ts';
import type { Hub } from '../hub/hub.ts';
import type { Subscription } from '../hub/subscription.ts';
import { liveTokens, type Namespaces } from './namespaces.ts';

const periodMs = 1_000;

/** What goes on in one namespace by its tokens. */
type Standing = { readonly subscriptions: Subscription[]; readonly transfers: Transfer[] };

/**
 * Ends subscriptions, imports and exports whose token was revoked or has expired, and those of namespaces that are no
 * more. It asks the store once a second for each namespace that has any, so that it also learns what other nodes did.
 */
export class GrantWatch {
  readonly #namespaces: Namespaces;
  readonly #hub: Hub;
  readonly #transfers: Transfers;
  readonly #timer: NodeJS.Timeout;
  /** Namespaces that the store has been asked for and has not answered yet. */
  readonly #asked = new Set<string>();

  constructor(namespaces: Namespaces, hub: Hub, transfers: Transfers) {
    this.#namespaces = namespaces;
    this.#hub = hub;
    this.#transfers = transfers;
    this.#timer = setInterval(() => void this.check(Date.now()), periodMs).unref();
  }

  /** Looks once; the timer calls it. A namespace that cannot be looked up holds up no other, and is tried again. */
  async check(nowMs: number): Promise<void> {
    await Promise.all([...this.#standing()].map(([id, standing]) => this.#checkNamespace(id, standing, nowMs)));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #checkNamespace(id: string, { subscriptions, transfers }: Standing, nowMs: number): Promise<void> {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      const namespace = await this.#namespaces.find(id);
      const live = new Set(namespace === undefined ? [] : liveTokens(namespace, nowMs).map((token) => token.id));
      const isLive = (tokenId: string | undefined) => tokenId === undefined || live.has(tokenId);
      for (const subscription of subscriptions) {
        if (subscription.state === 'closed') continue;
        // All of them at once, so that the hub forgets the namespace too.
        if (namespace?.log !== subscription.namespace) this.#hub.endNamespace(subscription.namespace);
        else if (!isLive(subscription.holder.tokenId)) subscription.end('revoked');
      }
      for (const transfer of transfers) {
        if (namespace?.log !== transfer.log) transfer.end('namespace-deleted');
        else if (!isLive(transfer.tokenId)) transfer.end('revoked');
      }
    } catch {
      // Nothing is known to be revoked; whoever can no longer read is told by its own reads.
    } finally {
      this.#asked.delete(id);
    }
  }

  #standing(): Map<string, Standing> {
    const standing = new Map<string, Standing>();
    const of = (id: string) => standing.getOrInsertComputed(id, () => ({ subscriptions: [], transfers: [] }));
    for (const subscription of this.#hub.subscriptions)
      of(subscription.holder.namespaceId).subscriptions.push(subscription);
    for (const transfer of this.#transfers.underWay) of(transfer.namespaceId).transfers.push(transfer);
    return standing;
  }
}
