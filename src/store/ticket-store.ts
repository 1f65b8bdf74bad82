/** Lifetime of a ticket. */
export const ticketLifetimeMs = 30_000;

/** Maximum number of unused tickets in total. */
export const maxTickets = 10_000;

/** Maximum number of unused tickets per namespace. */
export const maxTicketsOfNamespace = 1_000;

/** A ticket as it is stored. */
export type TicketRecord = {
  readonly namespaceId: string;
  /** `uid` of the namespace. */
  readonly uid: string;
  /** The token that requested it; undefined without authentication. */
  readonly tokenId: string | undefined;
  /** Digest of the only selection it allows. */
  readonly selectionDigest: string;
};

/** Stores tickets by their hashes until they are used or expire after {@link ticketLifetimeMs}. */
export interface TicketStore {
  /** Stores a ticket. If the limit is reached, resolves to the milliseconds until there may be room. */
  put(hash: string, ticket: TicketRecord): Promise<number | undefined>;
  /** Removes and returns a ticket: exactly one caller gets it, on whichever node. Undefined: unknown, used or expired. */
  take(hash: string): Promise<TicketRecord | undefined>;
}
