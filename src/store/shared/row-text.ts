import type { NewMessage } from '../../message/message.ts';

/** The text fields of a message. */
export type RowText = Pick<NewMessage, 'id' | 'type' | 'data' | 'metadata'>;

/** UTF-8 length of a message's texts. */
export function textBytes({ id, type, data, metadata }: RowText): number {
  return (
    Buffer.byteLength(id) +
    Buffer.byteLength(type) +
    Buffer.byteLength(data) +
    (metadata === null ? 0 : Buffer.byteLength(metadata))
  );
}
