import { type Outline, parseOutline } from '../../message/long-json.ts';
import { StreamName } from '../../message/stream-name.ts';

const correlationOutline: Outline = {
  levels: 1,
  keeps: (name) => name === 'correlationStreamName',
  maxElements: 0,
};

/** Category of the stream that a message's metadata names as its correlation, undefined when it names none. */
export function correlationOf(metadata: string | null): string | undefined {
  if (metadata === null) return undefined;
  // Most metadata is not worth parsing; only an escape could spell the member's name otherwise.
  if (!metadata.includes('correlationStreamName') && !metadata.includes('\\u')) return undefined;
  const { correlationStreamName: name } = parseOutline(metadata, correlationOutline) as {
    correlationStreamName?: unknown;
  };
  return typeof name === 'string' ? new StreamName(name).category : undefined;
}
