import { randomUUID } from 'node:crypto';
import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** Messages of a JetStream stream after a sequence number. */
export type HeaderRead = {
  readonly stream: string;
  /** Pattern of their subjects. */
  readonly filter: string;
  readonly after: number;
  readonly count: number;
};

const timeoutMs = 60_000;
/** Most messages of one request, as in a long read of Pokewire. A server disconnects a client that asks for too many at once. */
const perRequest = 2_048;

/**
 * Receives the headers of messages from one consumer, with two requests in flight, and looks at none of them: the least
 * that a read of pokes costs server and client.
 */
export async function readPlainHeaders(connection: NatsConnection, read: HeaderRead): Promise<void> {
  const { stream, filter, after, count } = read;
  const name = randomUUID();
  const config = {
    name,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: after + 1,
    ack_policy: 'none',
    headers_only: true,
    mem_storage: true,
    num_replicas: 1,
    filter_subjects: [filter],
  };
  const create = JSON.stringify({ stream_name: stream, action: 'create', config });
  await connection.request(`$JS.API.CONSUMER.CREATE.${stream}.${name}`, create, { timeout: timeoutMs });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = count;
  const late = () => reject(new Error(`of ${count} headers ${count - left} arrived in ${timeoutMs / 1_000} s`));
  const timer = setTimeout(late, timeoutMs);
  let unrequested = count;
  const inbox = createInbox();
  const request = () => {
    const batch = Math.min(unrequested, perRequest);
    if (batch === 0) return;
    unrequested -= batch;
    const next = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
    connection.publish(next, JSON.stringify({ batch, expires: timeoutMs * 1_000_000 }), { reply: inbox });
  };
  const subscription = connection.subscribe(inbox, {
    callback: (error) => {
      if (error !== null) reject(error);
      else if (--left === 0) resolve();
      else if ((count - left) % perRequest === 0) request();
    },
  });
  try {
    request();
    request();
    await promise;
  } finally {
    clearTimeout(timer);
    subscription.unsubscribe();
    connection.publish(`$JS.API.CONSUMER.DELETE.${stream}.${name}`);
  }
}
