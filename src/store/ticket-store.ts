/** A ticket is good for so long. */
export const ticketLifetimeMs = 30_000;

/** Tickets that may wait to be used, in all. */
export const maxTickets = 10_000;

/** Of these, the tickets of one namespace. */
export const maxTicketsOfNamespace = 1_000;

/** A ticket as it is kept. */
export type TicketRecord = {
  readonly namespaceId: string;
  /** `uid` of the namespace. */
  readonly uid: string;
  /** The token it was made with; undefined without authentication. */
  readonly tokenId: string | undefined;
  /** Digest of the only selection it is good for. */
  readonly selectionDigest: string;
};

/** Where tickets wait, by their hashes, until they are used or have lived for {@link ticketLifetimeMs}. */
export interface TicketStore {
  /** Keeps a ticket; otherwise resolves to the milliseconds until there may be room for it. */
  put(hash: string, ticket: TicketRecord): Promise<number | undefined>;
  /** Uses a ticket up: of all who ask, on whichever node, one gets it. Undefined: there is none such (any more). */
  take(hash: string): Promise<TicketRecord | undefined>;
}
