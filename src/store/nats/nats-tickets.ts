import {
  maxTickets,
  maxTicketsOfNamespace,
  type TicketRecord,
  type TicketStore,
  ticketLifetimeMs,
} from '../ticket-store.ts';
import { encodeKey } from './bucket-keys.ts';
import type { RecordBucket } from './record-bucket.ts';

/** Shortest wait for a refused caller: tickets expire one by one, by the servers' clock. */
const roomMs = 1_000;

/** Tickets in a bucket whose records expire automatically. Valid on every node. */
export class NatsTickets implements TicketStore {
  readonly #bucket: RecordBucket;

  constructor(bucket: RecordBucket) {
    this.#bucket = bucket;
  }

  async put(hash: string, ticket: TicketRecord): Promise<number | undefined> {
    const bucket = await this.#bucket.ready();
    const { messages } = await bucket.state();
    const ofNamespace = encodeKey(ticket.uid);
    // Concurrent callers may each exceed the limits by one.
    const isFull = messages >= maxTickets || (await bucket.keys(`${ofNamespace}.*`)).length >= maxTicketsOfNamespace;
    if (isFull) return roomMs;
    await bucket.change([{ key: `${ofNamespace}.${encodeKey(hash)}`, revision: 0, value: ticket }]);
    return undefined;
  }

  async take(hash: string): Promise<TicketRecord | undefined> {
    const bucket = await this.#bucket.ready();
    const found = await bucket.get<TicketRecord | null>(`*.${encodeKey(hash)}`);
    if (found === undefined || found.value === null) return undefined;
    const { key, revision, value } = found;
    // Of the callers that have read the ticket, only one can change it.
    if (!(await bucket.change([{ key, revision, value: null, isDeleted: true }]))) return undefined;
    const used = await bucket.get(key);
    if (used !== undefined) await bucket.purge(used.revision);
    return value;
  }
}

/** Lifetime of tickets. */
export const ticketBucketAgeMs = ticketLifetimeMs;
