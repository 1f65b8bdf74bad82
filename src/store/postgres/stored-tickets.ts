import { maxTicketsOfNamespace, type TicketRecord, type TicketStore, ticketLifetimeMs } from '../ticket-store.ts';
import { onlyNamespace } from './postgres-namespaces.ts';
import type { Query } from './read-pokes.ts';

/** Concurrent inserts may exceed the limit by one per connection. */
const putSql = `
WITH expired AS (
  DELETE FROM pokewire.tickets WHERE hash IN (
    SELECT hash FROM pokewire.tickets WHERE expires_at <= clock_timestamp() LIMIT ${maxTicketsOfNamespace} FOR UPDATE SKIP LOCKED)
), waiting AS (
  SELECT count(*) AS count, min(expires_at) AS first FROM pokewire.tickets WHERE expires_at > clock_timestamp()
), kept AS (
  INSERT INTO pokewire.tickets (hash, token_id, selection, expires_at)
  SELECT $1, $2, $3, clock_timestamp() + interval '${ticketLifetimeMs} ms' FROM waiting WHERE count < ${maxTicketsOfNamespace}
  RETURNING 1
)
SELECT EXISTS (SELECT 1 FROM kept), ceil(extract(epoch FROM first - clock_timestamp()) * 1000)::int FROM waiting`;

/** Only one caller can delete the row, so a ticket is used once. */
const takeSql =
  'DELETE FROM pokewire.tickets WHERE hash = $1 RETURNING token_id, selection, expires_at > clock_timestamp()';

/** Tickets in the schema `pokewire`, valid on every node. They expire by the database's clock. */
export class StoredTickets implements TicketStore {
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
  }

  async put(hash: string, { tokenId, selectionDigest }: TicketRecord): Promise<number | undefined> {
    const values = [hash, tokenId ?? null, selectionDigest];
    const { rows } = await this.#query<readonly [isKept: boolean, roomInMs: number | null]>(putSql, values);
    const [isKept, roomInMs] = rows[0]!;
    return isKept ? undefined : Math.max(1, roomInMs ?? 1);
  }

  async take(hash: string): Promise<TicketRecord | undefined> {
    const { rows } = await this.#query<readonly [string | null, string, boolean]>(takeSql, [hash]);
    const [tokenId, selectionDigest, isLive] = rows[0] ?? [];
    if (selectionDigest === undefined || !isLive) return undefined;
    return { namespaceId: onlyNamespace, uid: onlyNamespace, tokenId: tokenId ?? undefined, selectionDigest };
  }
}
