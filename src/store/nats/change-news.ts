import type { Subscription } from '@nats-io/transport-node';
import { Followers } from '../shared/followers.ts';
import type { NatsLink } from './nats-link.ts';

/** Notifies all nodes that records of one kind have changed. If a notification is lost, the next poll finds the change. */
export class ChangeNews {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #subscription: Subscription;
  readonly #followers = new Followers();

  constructor(link: NatsLink, prefix: string, kind: 'namespaces' | 'groups') {
    this.#link = link;
    // Differs from every log's subjects, which have more tokens.
    this.#subject = `${prefix}.${kind}`;
    this.#subscription = link.connection.subscribe(this.#subject, {
      callback: () => {
        this.#followers.notify();
      },
    });
  }

  /** Notifies all nodes; call after a change was stored. */
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
