import { randomBytes } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import type { Grant } from './access.ts';
import { liveTokens, type Namespaces } from './namespaces.ts';
import { hashToken } from './token.ts';

/** A ticket is good for so long. */
export const ticketLifetimeMs = 30_000;

/** Tickets that may wait to be used, in all. */
export const maxTickets = 10_000;

/** Of these, the tickets of one namespace. */
export const maxTicketsOfNamespace = 1_000;

const secretBytes = 24;

type Ticket = {
  readonly namespaceId: string;
  readonly uid: string;
  readonly tokenId: string | undefined;
  readonly selectionDigest: string;
  readonly expiresAtMs: number;
};

/** A ticket was made, or there is no room for one until the given time. */
export type Issued = { readonly ticket: string } | { readonly ticket: undefined; readonly roomAtMs: number };

/**
 * Tickets that let whoever cannot send headers subscribe once, to exactly what they were made for. They stand in a URL,
 * so they are short-lived, and used up by the first request that shows them, whatever becomes of it. Times are those of
 * `performance.now()`: the time of day may be set, and a ticket then would live for hours, or not at all.
 */
export class Tickets {
  readonly #namespaces: Namespaces;
  /** By hash, oldest first: all live equally long, so this is the order in which they expire. */
  readonly #tickets = new Map<string, Ticket>();
  readonly #ofNamespace = new Map<string, number>();

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** Tickets that wait to be used. */
  get size(): number {
    return this.#tickets.size;
  }

  /** Makes a ticket for the holder of the grant to subscribe to the selection with this digest. */
  issue({ namespace, tokenId }: Grant, selectionDigest: string, nowMs: number): Issued {
    this.#forgetExpired(nowMs);
    const { id, uid } = namespace;
    const ofNamespace = this.#ofNamespace.get(uid) ?? 0;
    if (this.#tickets.size >= maxTickets || ofNamespace >= maxTicketsOfNamespace) {
      return { ticket: undefined, roomAtMs: this.#oldest(ofNamespace >= maxTicketsOfNamespace ? uid : undefined) };
    }
    const ticket = randomBytes(secretBytes).toString('base64url');
    const expiresAtMs = nowMs + ticketLifetimeMs;
    this.#tickets.set(hashToken(ticket), { namespaceId: id, uid, tokenId, selectionDigest, expiresAtMs });
    this.#ofNamespace.set(uid, ofNamespace + 1);
    return { ticket };
  }

  /**
   * Uses a ticket up and returns what it allows. Throws `AUTH_INVALID_TOKEN` when there is none such (any more), and
   * `AUTH_UNAUTHORIZED` when the token it was made with has been revoked or has expired.
   */
  async take(text: string, nowMs: number): Promise<Grant> {
    const hash = hashToken(text);
    const ticket = this.#tickets.get(hash);
    if (ticket !== undefined) this.#forget(hash, ticket);
    if (ticket === undefined || ticket.expiresAtMs <= nowMs) {
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

  #forgetExpired(nowMs: number): void {
    for (const [hash, ticket] of this.#tickets) {
      if (ticket.expiresAtMs > nowMs) return;
      this.#forget(hash, ticket);
    }
  }

  #forget(hash: string, { uid }: Ticket): void {
    this.#tickets.delete(hash);
    const left = this.#ofNamespace.get(uid)! - 1;
    if (left === 0) this.#ofNamespace.delete(uid);
    else this.#ofNamespace.set(uid, left);
  }

  #oldest(uid: string | undefined): number {
    for (const ticket of this.#tickets.values()) if (uid === undefined || ticket.uid === uid) return ticket.expiresAtMs;
    throw new TypeError('there are no tickets, so there is room');
  }
}
