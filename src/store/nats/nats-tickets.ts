import {
  maxTickets,
  maxTicketsOfNamespace,
  type TicketRecord,
  type TicketStore,
  ticketLifetimeMs,
} from '../ticket-store.ts';
import { encodeKey, type RecordBucket } from './record-bucket.ts';

/** Shortest wait of a refused caller: tickets expire one by one, by the servers' clock. */
const roomMs = 1_000;

/** Tickets in a bucket whose records expire by themselves. Every node accepts them. */
export class NatsTickets implements TicketStore {
  readonly #open: () => Promise<RecordBucket>;
  #bucket: Promise<RecordBucket> | undefined = undefined;

  /** Calls `open` to create the bucket when the first ticket is stored or taken. */
  constructor(open: () => Promise<RecordBucket>) {
    this.#open = open;
  }

  async put(hash: string, ticket: TicketRecord): Promise<number | undefined> {
    const bucket = await this.#opened();
    const { messages } = await bucket.state();
    const ofNamespace = encodeKey(ticket.uid);
    // Concurrent callers may exceed the limits by one each.
    const isFull = messages >= maxTickets || (await bucket.keys(`${ofNamespace}.*`)).length >= maxTicketsOfNamespace;
    if (isFull) return roomMs;
    await bucket.change([{ key: `${ofNamespace}.${encodeKey(hash)}`, revision: 0, value: ticket }]);
    return undefined;
  }

  async take(hash: string): Promise<TicketRecord | undefined> {
    const bucket = await this.#opened();
    const found = await bucket.get<TicketRecord | null>(`*.${encodeKey(hash)}`);
    if (found === undefined || found.value === null) return undefined;
    const { key, revision, value } = found;
    // Of all callers that read it, only one changes it.
    if (!(await bucket.change([{ key, revision, value: null, isDeleted: true }]))) return undefined;
    const used = await bucket.get(key);
    if (used !== undefined) await bucket.purge(used.revision);
    return value;
  }

  #opened(): Promise<RecordBucket> {
    if (this.#bucket === undefined) {
      this.#bucket = this.#open();
      this.#bucket.catch(() => {
        this.#bucket = undefined;
      });
    }
    return this.#bucket;
  }
}

/** Tickets live so long. */
export const ticketBucketAgeMs = ticketLifetimeMs;
