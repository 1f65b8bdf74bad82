import type { NewMessage } from '../../message/message.ts';

/**
 * New messages on their way to the writer, with all texts in one string: cloning the objects costs 4 µs per message on
 * both threads, a string of the same texts only a fraction.
 */
export type PackedMessages = {
  readonly count: number;
  readonly text: string;
  /** For each message: lengths of id, type, data and metadata (-1: null), and 1 if the client supplied the id, otherwise 0. */
  readonly numbers: readonly number[];
};

const numbersEach = 5;

export function packMessages(messages: readonly NewMessage[]): PackedMessages {
  const numbers: number[] = [];
  let text = '';
  for (const { id, type, data, metadata, given } of messages) {
    text += id + type + data + (metadata ?? '');
    numbers.push(id.length, type.length, data.length, metadata === null ? -1 : metadata.length, given ? 1 : 0);
  }
  return { count: messages.length, text, numbers };
}

export function unpackMessages({ count, text, numbers }: PackedMessages): NewMessage[] {
  let start = 0;
  const next = (length: number) => {
    const end = start + length;
    const part = text.slice(start, end);
    start = end;
    return part;
  };
  return Array.from({ length: count }, (_, index) => {
    const at = index * numbersEach;
    const id = next(numbers[at]!);
    const type = next(numbers[at + 1]!);
    const data = next(numbers[at + 2]!);
    const metadataLength = numbers[at + 3]!;
    const metadata = metadataLength < 0 ? null : next(metadataLength);
    return { id, type, data, metadata, given: numbers[at + 4] === 1 };
  });
}
