/** Encoding one poke: cached beginnings and digits into a given buffer, against a fresh object, text and buffer. */
import { randomUUID } from 'node:crypto';
import { Poke } from '../../src/message/poke.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { CachedFrameEncoder, type FrameEncoder, PlainFrameEncoder } from '../../src/sse/frame.ts';
import { measure, sink } from './bench.ts';

const target = Buffer.allocUnsafeSlow(65_536);

/** Pokes of these streams in turn, positions and global positions rising. */
function encodeAll(encoder: FrameEncoder, names: readonly StreamName[]) {
  const poke = new Poke();
  let globalPosition = 1_000_000;
  return (count: number) => {
    let at = 0;
    for (let made = 0; made < count; made++) {
      const stream = names[made % names.length]!;
      poke.set(stream, made % 1_000, ++globalPosition, 0);
      at = encoder.encode(poke, target, at > 60_000 ? 0 : at);
    }
    sink.value = at;
  };
}

export async function encode() {
  const few = Array.from({ length: 1_000 }, () => new StreamName(`account-${randomUUID()}`));
  const many = Array.from({ length: 100_000 }, () => new StreamName(`account-${randomUUID()}`));
  return {
    'encode, cached': await measure('encode, cached, 1,000 streams', encodeAll(new CachedFrameEncoder(), few)),
    'encode, plain': await measure('encode, plain, 1,000 streams', encodeAll(new PlainFrameEncoder(), few)),
    'encode, cached, one stream': await measure(
      'encode, cached, 1 stream',
      encodeAll(new CachedFrameEncoder(), few.slice(0, 1)),
    ),
    'encode, cached, 100,000 streams': await measure(
      'encode, cached, 100,000 streams (more than it keeps)',
      encodeAll(new CachedFrameEncoder(), many),
    ),
    'encode, plain, 100,000 streams': await measure(
      'encode, plain, 100,000 streams',
      encodeAll(new PlainFrameEncoder(), many),
    ),
  };
}
