import type { Hub } from '../hub/hub.ts';
import type { Subscription } from '../hub/subscription.ts';
import { endFrame } from '../sse/frame.ts';
import type { Namespace } from '../store/namespace-store.ts';
import { liveTokens, type Namespaces } from './namespaces.ts';

const periodMs = 1_000;

/**
 * Ends subscriptions whose token was revoked or has expired, and those of namespaces that are no more. It asks the store
 * once a second for each namespace that somebody subscribes to, so that it also learns what other nodes did.
 */
export class GrantWatch {
  readonly #namespaces: Namespaces;
  readonly #hub: Hub;
  readonly #timer: NodeJS.Timeout;
  #checking = false;

  constructor(namespaces: Namespaces, hub: Hub) {
    this.#namespaces = namespaces;
    this.#hub = hub;
    this.#timer = setInterval(() => void this.check(Date.now()), periodMs).unref();
  }

  /** Looks once; the timer calls it. A store that fails is asked again a second later. */
  async check(nowMs: number): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    try {
      for (const [id, subscriptions] of this.#byNamespace()) {
        const namespace = await this.#namespaces.find(id);
        for (const subscription of subscriptions) this.#endIfInvalid(subscription, namespace, nowMs);
      }
    } catch {
      // Nothing is known to be revoked; whoever can no longer read is told by its own reads.
    } finally {
      this.#checking = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #endIfInvalid(subscription: Subscription, namespace: Namespace | undefined, nowMs: number): void {
    if (subscription.state === 'closed') return;
    const { tokenId } = subscription.holder;
    // All of them at once, so that the hub forgets the namespace too.
    if (namespace?.log !== subscription.namespace) this.#hub.endNamespace(subscription.namespace);
    else if (tokenId !== undefined && !liveTokens(namespace, nowMs).some(({ id }) => id === tokenId)) {
      subscription.end('revoked', endFrame('revoked'));
    }
  }

  #byNamespace(): Map<string, Subscription[]> {
    return Map.groupBy(this.#hub.subscriptions, ({ holder }) => holder.namespaceId);
  }
}
