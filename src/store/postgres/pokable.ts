import { maxNameBytes } from '../../message/stream-name.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether a stream name fits into a frame. Message DB does not check names that others write. */
export function isPokable(stream: string): boolean {
  if (stream === '' || controlCharacter.test(stream)) return false;
  return stream.length * 3 <= maxNameBytes || Buffer.byteLength(stream) <= maxNameBytes;
}
