import type { Message } from '../../message/message.ts';
import type { MessagePage } from '../log.ts';

/** A page of messages on its way between threads, packed for the same reason as `PackedMessages`. Each stream name appears once. */
export type PackedPage = Omit<MessagePage, 'messages'> & {
  readonly names: readonly string[];
  readonly text: string;
  /**
   * For each message: lengths of id, type, data and metadata (-1: null), index of its stream's name, position, global
   * position, milliseconds, nanoseconds.
   */
  readonly numbers: Float64Array;
};

const numbersEach = 9;

export function packPage({ messages, epoch, next }: MessagePage): PackedPage {
  const numbers = new Float64Array(messages.length * numbersEach);
  const indexes = new Map<string, number>();
  let text = '';
  let at = 0;
  for (const { id, type, data, metadata, stream, position, globalPosition, timeMs, timeNanos } of messages) {
    text += id + type + data + (metadata ?? '');
    let index = indexes.get(stream);
    if (index === undefined) {
      index = indexes.size;
      indexes.set(stream, index);
    }
    numbers[at++] = id.length;
    numbers[at++] = type.length;
    numbers[at++] = data.length;
    numbers[at++] = metadata?.length ?? -1;
    numbers[at++] = index;
    numbers[at++] = position;
    numbers[at++] = globalPosition;
    numbers[at++] = timeMs;
    numbers[at++] = timeNanos;
  }
  return { names: [...indexes.keys()], text, numbers, epoch, next };
}

export function unpackPage({ names, text, numbers, epoch, next }: PackedPage): MessagePage {
  const messages: Message[] = [];
  let start = 0;
  const take = (length: number) => {
    const end = start + length;
    const part = text.slice(start, end);
    start = end;
    return part;
  };
  for (let at = 0; at < numbers.length; at += numbersEach) {
    const id = take(numbers[at]!);
    const type = take(numbers[at + 1]!);
    const data = take(numbers[at + 2]!);
    const metadataLength = numbers[at + 3]!;
    messages.push({
      id,
      stream: names[numbers[at + 4]!]!,
      type,
      position: numbers[at + 5]!,
      globalPosition: numbers[at + 6]!,
      data,
      metadata: metadataLength < 0 ? null : take(metadataLength),
      timeMs: numbers[at + 7]!,
      timeNanos: numbers[at + 8]!,
    });
  }
  return { messages, epoch, next };
}
