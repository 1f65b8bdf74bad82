import { setTimeout as delay } from 'node:timers/promises';
import type { Msg } from '@nats-io/transport-node';
import type { LogStream } from './log-stream.ts';
import { LateAnswer } from './nats-faults.ts';
import { limitReplicaLag } from './replica-lag.ts';
import type { Stored } from './stored-message.ts';

const answerMs = 5_000;
const noResponders = 503;
const pauseMs = 20;

/** The JetStream stream to read. */
export type MessageSource = Pick<LogStream, 'link' | 'ask' | 'lastOf'> & {
  readonly names: { readonly stream: string };
};

/** Result of one read; `isEnd`: the answering replica has no more, or none could answer. */
type DirectRead = { readonly messages: readonly Stored[]; readonly isEnd: boolean };

/**
 * Reads messages that match a filter, with payloads, from a sequence number on: at least one, at most `most`, and about
 * `maxBytes`. Any replica may answer, and may be behind the leader.
 */
function readDirect(
  { link, names }: MessageSource,
  filter: string,
  seq: number,
  most: number,
  maxBytes: number,
): Promise<DirectRead> {
  const { promise, resolve, reject } = Promise.withResolvers<DirectRead>();
  const inbox = link.inbox();
  const messages: Stored[] = [];
  const take = (message: Msg) => {
    const headers = message.headers!;
    if (headers.code === 0) messages.push(storedOf(message));
    else if (headers.code === 204) resolve({ messages, isEnd: Number(headers.get('Nats-Num-Pending')) === 0 });
    else if (headers.code === 404 || headers.code === noResponders) resolve({ messages, isEnd: true });
    else reject(new Error(`NATS refused to read ${names.stream}: ${headers.code} ${headers.description}`));
  };
  const subscription = link.connection.subscribe(inbox, {
    callback: (error, message) => {
      if (error === null) take(message);
      else reject(error);
    },
  });
  const late = `NATS did not answer a read of ${names.stream} within ${answerMs / 1_000} s`;
  const timer = setTimeout(() => reject(new LateAnswer(late)), answerMs);
  const body = { seq: Math.max(1, seq), next_by_subj: filter, batch: most, max_bytes: maxBytes };
  link.requests++;
  link.connection.publish(`$JS.API.DIRECT.GET.${names.stream}`, JSON.stringify(body), { reply: inbox });
  return promise.finally(() => {
    clearTimeout(timer);
    subscription.unsubscribe();
  });
}

/** Like {@link readDirect}, for everything up to `known`, which the leader has and a replica may not have yet. */
export async function readKnown(
  source: MessageSource,
  filter: string,
  seq: number,
  most: number,
  maxBytes: number,
  known: number,
): Promise<DirectRead> {
  const checkLag = limitReplicaLag();
  for (let wanted = known; ; ) {
    const read = await source.ask(() => readDirect(source, filter, seq, most, maxBytes));
    const last = read.messages.at(-1)?.seq ?? seq - 1;
    if (!read.isEnd || last >= wanted) return read;
    // Requests to a deleted stream have no responders, nor have requests to a new one on a server that does not know it
    // yet. The message may also have been removed.
    wanted = Math.min(known, (await source.lastOf(filter))?.seq ?? 0);
    if (last >= wanted) return read;
    checkLag();
    await delay(pauseMs);
  }
}

function storedOf({ headers, data }: Msg): Stored {
  const values = headers!;
  return {
    subject: values.get('Nats-Subject'),
    seq: Number(values.get('Nats-Sequence')),
    headers: values,
    data,
    time: values.get('Nats-Time-Stamp'),
  };
}
