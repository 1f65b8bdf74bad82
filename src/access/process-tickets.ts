import {
  maxTickets,
  maxTicketsOfNamespace,
  type TicketRecord,
  type TicketStore,
  ticketLifetimeMs,
} from '../store/ticket-store.ts';

type Kept = { readonly ticket: TicketRecord; readonly expiresAtMs: number };

/** Keeps tickets in this process. They expire by `performance.now()`, because the wall clock may be set and jump by hours. */
export class ProcessTickets implements TicketStore {
  /** By hash, in order of creation and so of expiry. */
  readonly #kept = new Map<string, Kept>();
  readonly #ofNamespace = new Map<string, number>();

  /** Number of unused tickets. */
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

  /** When the oldest ticket expires, of all or of one namespace. */
  #oldest(uid: string | undefined): number {
    for (const { ticket, expiresAtMs } of this.#kept.values()) {
      if (uid === undefined || ticket.uid === uid) return expiresAtMs;
    }
    throw new TypeError('there are no tickets, so there is room');
  }
}
