import type { Subscription } from '@nats-io/transport-node';
import { Followers } from '../shared/followers.ts';
import type { NatsLink } from './nats-link.ts';

/** Tells all nodes that namespaces have changed. What is lost on the way is found by the next question for changes. */
export class NamespaceNews {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #followers = new Followers();

  constructor(link: NatsLink, prefix: string) {
    this.#link = link;
    // Not a subject of a log: those have more tokens.
    this.#subject = `${prefix}.namespaces`;
    this.#subscription = link.connection.subscribe(this.#subject, {
      callback: () => {
        this.#followers.notify();
      },
    });
  }

  /** A change of this node was stored. */
  changed(): void {
    this.#link.publish(this.#subject, '');
  }

  follow(changed: () => void): () => void {
    return this.#followers.follow(changed);
  }

  stop(): void {
    this.#followers.clear();
    this.#subscription.unsubscribe();
  }
}
