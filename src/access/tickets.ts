import { randomBytes } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import type { TicketStore } from '../store/ticket-store.ts';
import type { Grant } from './access.ts';
import { liveTokens, type Namespaces } from './namespaces.ts';
import { hashToken } from './token.ts';

const secretBytes = 24;

/** The ticket, or how long to wait until there may be room for one. */
export type Issued = { readonly ticket: string } | { readonly ticket: undefined; readonly roomInMs: number };

/**
 * Tickets let clients that cannot send headers subscribe once, to exactly one selection. They appear in URLs, so they
 * are short-lived, and the first request that presents a ticket uses it up, successful or not.
 */
export class Tickets {
  readonly #namespaces: Namespaces;
  readonly #store: TicketStore;

  constructor(namespaces: Namespaces, store: TicketStore) {
    this.#namespaces = namespaces;
    this.#store = store;
  }

  /** Creates a ticket for the grant's holder to subscribe to the selection with this digest. */
  async issue({ namespace, tokenId }: Grant, selectionDigest: string): Promise<Issued> {
    const { id: namespaceId, uid } = namespace;
    const ticket = randomBytes(secretBytes).toString('base64url');
    const roomInMs = await this.#store.put(hashToken(ticket), { namespaceId, uid, tokenId, selectionDigest });
    return roomInMs === undefined ? { ticket } : { ticket: undefined, roomInMs };
  }

  /**
   * Uses up a ticket and returns its grant. Throws `AUTH_INVALID_TOKEN` if it is unknown, used or expired, and
   * `AUTH_UNAUTHORIZED` if the token that requested it was revoked or has expired.
   */
  async take(text: string): Promise<Grant> {
    const ticket = await this.#store.take(hashToken(text));
    if (ticket === undefined) {
      throw new PokewireError('AUTH_INVALID_TOKEN', 'The ticket is unknown, used or expired. Request a new one.');
    }
    const { namespaceId, uid, tokenId, selectionDigest } = ticket;
    const namespace = await this.#namespaces.find(namespaceId);
    const token = namespace && liveTokens(namespace, Date.now()).find(({ id }) => id === tokenId);
    if (namespace?.uid !== uid || (tokenId !== undefined && token === undefined)) {
      throw new PokewireError('AUTH_UNAUTHORIZED', 'The token that created the ticket is no longer valid.', {
        details: { namespace: namespaceId },
      });
    }
    const expiresAtMs = token?.expiresAtMs;
    return { namespace, scope: 'read', tokenId, expiresAtMs, isOperator: false, boundTo: selectionDigest };
  }
}
