import type { Subscription } from '@nats-io/transport-node';
import { Followers } from '../shared/followers.ts';
import type { NatsLink } from './nats-link.ts';

/** Notifies all nodes that namespaces have changed. A lost notification is made up for by the next poll for changes. */
export class NamespaceNews {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #followers = new Followers();

  constructor(link: NatsLink, prefix: string) {
    this.#link = link;
    // Never the subject of a log: those have more tokens.
    this.#subject = `${prefix}.namespaces`;
    this.#subscription = link.connection.subscribe(this.#subject, {
      callback: () => {
        this.#followers.notify();
      },
    });
  }

  /** Notifies all nodes, once a change of this node is stored. */
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
