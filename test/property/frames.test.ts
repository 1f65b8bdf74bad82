import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DirectFrameEncoder,
  heartbeatFrame,
  maxFrameBytes,
  PlainFrameEncoder,
  readyFrame,
} from '../../src/sse/frame.ts';
import { anyText, positions } from '../support/arbitraries.ts';
import { ChunkDecoder } from '../support/chunks.ts';
import { pokeOf } from '../support/fake-messages.ts';
import { EventStreamParser } from '../support/sse-client.ts';

const told = fc.array(
  fc.record({ stream: anyText, position: positions, globalPosition: positions, beat: fc.boolean() }),
  {
    maxLength: 10,
  },
);
const cuts = fc.array(fc.nat({ max: 60 }), { maxLength: 200, size: 'max' });

describe.each([
  ['plain', new PlainFrameEncoder()],
  ['direct', new DirectFrameEncoder()],
])('frames of the %s encoder', (_name, encoder) => {
  test('return every field for any text, split anywhere, with heartbeats in between', () => {
    fc.assert(
      fc.property(told, cuts, (told, cuts) => {
        const target = Buffer.alloc((told.length + 1) * (maxFrameBytes + heartbeatFrame.length));
        let at = readyFrame.copy(target);
        for (const { stream, position, globalPosition, beat } of told) {
          at = encoder.encode(pokeOf(stream, position, globalPosition), '7f9c2ba4e88f', target, at);
          if (beat) at += heartbeatFrame.copy(target, at);
        }
        const parser = new EventStreamParser();
        const chunks = new ChunkDecoder();
        let from = 0;
        for (const cut of [...cuts, at]) {
          parser.push(chunks.push(target.subarray(from, Math.min(at, from + cut))));
          from = Math.min(at, from + cut);
        }
        expect(parser.events.map(({ type, data, lastEventId }) => [type, JSON.parse(data), lastEventId])).toEqual(
          told.map(({ stream, position, globalPosition }) => [
            'poke',
            { stream, position, globalPosition },
            `${globalPosition}-7f9c2ba4e88f`,
          ]),
        );
        expect(parser.comments).toEqual([' ready', ...told.filter(({ beat }) => beat).map(() => '')]);
      }),
    );
  });
});
