import type { NewMessage } from '../../message/message.ts';

/** What a message has of text. */
export type RowText = Pick<NewMessage, 'id' | 'type' | 'data' | 'metadata'>;

/** UTF-8 bytes of a message's text. */
export function textBytes({ id, type, data, metadata }: RowText): number {
  return (
    Buffer.byteLength(id) +
    Buffer.byteLength(type) +
    Buffer.byteLength(data) +
    (metadata === null ? 0 : Buffer.byteLength(metadata))
  );
}
