import { randomBytes } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import type { TicketStore } from '../store/ticket-store.ts';
import type { Grant } from './access.ts';
import { liveTokens, type Namespaces } from './namespaces.ts';
import { hashToken } from './token.ts';

const secretBytes = 24;

/** A ticket was made, or there may be room for one after the given time. */
export type Issued = { readonly ticket: string } | { readonly ticket: undefined; readonly roomInMs: number };

/**
 * Tickets that let whoever cannot send headers subscribe once, to exactly what they were made for. They stand in a URL,
 * so they are short-lived, and used up by the first request that shows them, whatever becomes of it.
 */
export class Tickets {
  readonly #namespaces: Namespaces;
  readonly #store: TicketStore;

  constructor(namespaces: Namespaces, store: TicketStore) {
    this.#namespaces = namespaces;
    this.#store = store;
  }

  /** Makes a ticket for the holder of the grant to subscribe to the selection with this digest. */
  async issue({ namespace, tokenId }: Grant, selectionDigest: string): Promise<Issued> {
    const { id: namespaceId, uid } = namespace;
    const ticket = randomBytes(secretBytes).toString('base64url');
    const roomInMs = await this.#store.put(hashToken(ticket), { namespaceId, uid, tokenId, selectionDigest });
    return roomInMs === undefined ? { ticket } : { ticket: undefined, roomInMs };
  }

  /**
   * Uses a ticket up and returns what it allows. Throws `AUTH_INVALID_TOKEN` when there is none such (any more), and
   * `AUTH_UNAUTHORIZED` when the token it was made with has been revoked or has expired.
   */
  async take(text: string): Promise<Grant> {
    const ticket = await this.#store.take(hashToken(text));
    if (ticket === undefined) {
      throw new PokewireError('AUTH_INVALID_TOKEN', 'The ticket is unknown, used or expired. Ask for another one.');
    }
    const { namespaceId, uid, tokenId, selectionDigest } = ticket;
    const namespace = await this.#namespaces.find(namespaceId);
    const token = namespace && liveTokens(namespace, Date.now()).find(({ id }) => id === tokenId);
    if (namespace?.uid !== uid || (tokenId !== undefined && token === undefined)) {
      throw new PokewireError('AUTH_UNAUTHORIZED', 'The token with which the ticket was made is no longer valid.', {
        details: { namespace: namespaceId },
      });
    }
    const expiresAtMs = token?.expiresAtMs;
    return { namespace, scope: 'read', tokenId, expiresAtMs, isOperator: false, boundTo: selectionDigest };
  }
}
