import { isRefusal } from './nats-faults.ts';
import type { NatsLink } from './nats-link.ts';
import type { Stored } from './stored-message.ts';

type FoundMessage = {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly hdrs?: string;
    readonly data?: string;
    readonly time: string;
  };
};

/** One message of a stream, from its leader; undefined if there is none. Rejects like {@link NatsLink.api}. */
export async function findMessage(
  link: NatsLink,
  stream: string,
  which: Readonly<Record<string, unknown>>,
): Promise<Stored | undefined> {
  try {
    const { message } = await link.api<FoundMessage>(`STREAM.MSG.GET.${stream}`, which);
    const { subject, seq, hdrs, data = '', time } = message;
    return { subject, seq, headers: link.decodeHeaders(hdrs), data: Buffer.from(data, 'base64'), time };
  } catch (error) {
    if (isRefusal(error, 'messageNotFound')) return undefined;
    throw error;
  }
}
