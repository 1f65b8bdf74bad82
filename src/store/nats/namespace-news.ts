import type { Subscription } from '@nats-io/transport-node';
import type { NatsLink } from './nats-link.ts';

/** Tells all nodes that namespaces have changed. What is lost on the way is found by the next question for changes. */
export class NamespaceNews {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #followers = new Set<() => void>();

  constructor(link: NatsLink, prefix: string) {
    this.#link = link;
    // Not a subject of a log: those have more tokens.
    this.#subject = `${prefix}.namespaces`;
    this.#subscription = link.connection.subscribe(this.#subject, {
      callback: () => {
        for (const changed of this.#followers) changed();
      },
    });
  }

  /** A change of this node was stored. */
  changed(): void {
    this.#link.publish(this.#subject, '');
  }

  follow(changed: () => void): () => void {
    const follower = () => changed();
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  stop(): void {
    this.#followers.clear();
    this.#subscription.unsubscribe();
  }
}
