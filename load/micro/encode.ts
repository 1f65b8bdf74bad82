/**
 * Encoding one poke in place, compared with a new object, text and buffer; and the gain of storing eight bytes at a
 * time.
 */
import { randomUUID } from 'node:crypto';
import { Poke } from '../../src/message/poke.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { DirectFrameEncoder, type FrameEncoder, PlainFrameEncoder } from '../../src/sse/frame.ts';
import { type Cost, measure, sink } from './bench.ts';

const target = Buffer.allocUnsafeSlow(65_536);
const tag = '7f9c2ba4e88f';

/** Pokes of these streams round robin, with increasing positions and global positions. */
function encodeAll(encoder: FrameEncoder, names: readonly StreamName[]) {
  const poke = new Poke();
  let globalPosition = 1_000_000;
  return (count: number) => {
    let at = 0;
    for (let made = 0; made < count; made++) {
      const stream = names[made % names.length]!;
      poke.set(stream, made % 1_000, ++globalPosition, 0);
      at = encoder.encode(poke, tag, target, at > 60_000 ? 0 : at);
    }
    sink.value = at;
  };
}

const names: Readonly<Record<string, (number: number) => string>> = {
  short: (number) => `account-${number}`,
  UUID: () => `account-${randomUUID()}`,
};

export async function encode(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  for (const live of [1, 1_000, 100_000, 1_000_000]) {
    for (const [kind, nameOf] of Object.entries(names)) {
      // From bytes, as a store has them: V8 reads a concatenated string more slowly.
      const streams = Array.from(
        { length: live },
        (_, number) => new StreamName(Buffer.from(nameOf(number)).toString()),
      );
      for (const [how, encoder] of [
        ['direct', new DirectFrameEncoder()],
        ['plain', new PlainFrameEncoder()],
      ] as const) {
        const name = `encode, ${how}, ${live.toLocaleString('en')} streams, ${kind} ids`;
        costs[name] = await measure(name, encodeAll(encoder, streams));
      }
    }
  }
  return costs;
}
