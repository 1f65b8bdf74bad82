import {
  maxTickets,
  maxTicketsOfNamespace,
  type TicketRecord,
  type TicketStore,
  ticketLifetimeMs,
} from '../store/ticket-store.ts';

type Kept = { readonly ticket: TicketRecord; readonly expiresAtMs: number };

/**
 * Tickets of this process. Times are those of `performance.now()`: the time of day may be set, and a ticket then would live
 * for hours, or not at all.
 */
export class ProcessTickets implements TicketStore {
  /** By hash, oldest first: all live equally long, so this is the order in which they expire. */
  readonly #kept = new Map<string, Kept>();
  readonly #ofNamespace = new Map<string, number>();

  /** Tickets that wait to be used. */
  get size(): number {
    return this.#kept.size;
  }

  async put(hash: string, ticket: TicketRecord): Promise<number | undefined> {
    const nowMs = performance.now();
    this.#forgetExpired(nowMs);
    const { uid } = ticket;
    const ofNamespace = this.#ofNamespace.get(uid) ?? 0;
    const isItsShare = ofNamespace >= maxTicketsOfNamespace;
    if (isItsShare || this.#kept.size >= maxTickets) return this.#oldest(isItsShare ? uid : undefined) - nowMs;
    this.#kept.set(hash, { ticket, expiresAtMs: nowMs + ticketLifetimeMs });
    this.#ofNamespace.set(uid, ofNamespace + 1);
    return undefined;
  }

  async take(hash: string): Promise<TicketRecord | undefined> {
    const kept = this.#kept.get(hash);
    if (kept === undefined) return undefined;
    this.#forget(hash, kept);
    return kept.expiresAtMs > performance.now() ? kept.ticket : undefined;
  }

  #forgetExpired(nowMs: number): void {
    for (const [hash, kept] of this.#kept) {
      if (kept.expiresAtMs > nowMs) return;
      this.#forget(hash, kept);
    }
  }

  #forget(hash: string, { ticket: { uid } }: Kept): void {
    this.#kept.delete(hash);
    const left = this.#ofNamespace.get(uid)! - 1;
    if (left === 0) this.#ofNamespace.delete(uid);
    else this.#ofNamespace.set(uid, left);
  }

  /** When the first of them expires. */
  #oldest(uid: string | undefined): number {
    for (const { ticket, expiresAtMs } of this.#kept.values()) {
      if (uid === undefined || ticket.uid === uid) return expiresAtMs;
    }
    throw new TypeError('there are no tickets, so there is room');
  }
}
