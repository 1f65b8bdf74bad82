import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxNameBytes } from '../../src/message/stream-name.ts';
import {
  CachedFrameEncoder,
  errorFrame,
  type FrameEncoder,
  heartbeatFrame,
  maxFrameBytes,
  PlainFrameEncoder,
  readyFrame,
  retryFrame,
} from '../../src/sse/frame.ts';
import { anyText, positions } from '../support/arbitraries.ts';
import { pokeOf } from '../support/fake-messages.ts';
import { EventStreamParser } from '../support/sse-client.ts';

const encoders = [
  ['plain', () => new PlainFrameEncoder()],
  ['cached', () => new CachedFrameEncoder()],
] as const;

function frameOf(encoder: FrameEncoder, stream: string, position: number, globalPosition: number): string {
  const target = Buffer.alloc(stream.length * 6 + maxFrameBytes, '#');
  const end = encoder.encode(pokeOf(stream, position, globalPosition), target, 0);
  expect(target.subarray(end).every((byte) => byte === 0x23)).toBe(true);
  return target.toString('utf8', 0, end);
}

describe.each(encoders)('the %s encoder', (_name, create) => {
  test('writes event, data, id and a blank line', () => {
    expect(frameOf(create(), 'account-123', 5, 1234)).toBe(
      'event: poke\ndata: {"stream":"account-123","position":5,"globalPosition":1234}\nid: 1234\n\n',
    );
  });

  test.each([0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e15 - 1, 1e15, Number.MAX_SAFE_INTEGER])(
    'writes the position %i in decimal',
    (position) => {
      expect(frameOf(create(), 'a', position, position)).toBe(
        `event: poke\ndata: {"stream":"a","position":${position},"globalPosition":${position}}\nid: ${position}\n\n`,
      );
    },
  );

  test('writes at the given place and returns the index behind the frame', () => {
    const target = Buffer.alloc(2 * maxFrameBytes);
    const encoder = create();
    const first = encoder.encode(pokeOf('a-1', 0, 1), target, 0);
    const second = encoder.encode(pokeOf('a-1', 1, 2), target, first);
    expect(target.toString('utf8', 0, second)).toBe(
      'event: poke\ndata: {"stream":"a-1","position":0,"globalPosition":1}\nid: 1\n\n' +
        'event: poke\ndata: {"stream":"a-1","position":1,"globalPosition":2}\nid: 2\n\n',
    );
  });

  test.each([
    ['a carriage return', 'a\rb', '"a\\rb"'],
    ['a line feed', 'a\nb', '"a\\nb"'],
    ['both', 'a\r\nid: 7\r\n\r\nb', '"a\\r\\nid: 7\\r\\n\\r\\nb"'],
    ['NUL', 'a\0b', '"a\\u0000b"'],
    ['a quote', 'a"b', '"a\\"b"'],
    ['a backslash', 'a\\b', '"a\\\\b"'],
    ['a line separator', 'a\u2028b', '"a\u2028b"'],
    ['a next line', 'a\u0085b', '"a\u0085b"'],
    ['a lone surrogate', 'a\ud83db', '"a\\ud83db"'],
    ['characters of all planes', 'é世😀', '"é世😀"'],
  ])('keeps %s in a name inside its line', (_what, name, json) => {
    expect(frameOf(create(), name, 0, 1)).toBe(
      `event: poke\ndata: {"stream":${json},"position":0,"globalPosition":1}\nid: 1\n\n`,
    );
  });

  test('writes what a parser reads back, for any name and any positions', () => {
    fc.assert(
      fc.property(anyText, positions, positions, (stream, position, globalPosition) => {
        const parser = new EventStreamParser();
        parser.push(Buffer.from(frameOf(create(), stream, position, globalPosition)));
        expect(parser.events).toEqual([
          { type: 'poke', data: expect.any(String), lastEventId: String(globalPosition) },
        ]);
        expect(JSON.parse(parser.events[0]!.data)).toEqual({ stream, position, globalPosition });
        expect(parser.unknownFields).toEqual([]);
      }),
    );
  });

  test.each([
    ['quotes', '"'.repeat(maxNameBytes)],
    ['backslashes', '\\'.repeat(maxNameBytes)],
    ['characters of four bytes', '😀'.repeat(maxNameBytes / 4)],
    ['plain letters', 'a'.repeat(maxNameBytes)],
  ])('stays within the largest frame for the longest name of %s', (_what, name) => {
    const encoder = create();
    const target = Buffer.alloc(2 * maxFrameBytes);
    const end = encoder.encode(pokeOf(name, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), target, 0);
    expect(end).toBeLessThanOrEqual(maxFrameBytes);
  });
});

describe('the cached encoder', () => {
  test('writes the bytes of the plain one, whatever came before', () => {
    const cached = new CachedFrameEncoder();
    const plain = new PlainFrameEncoder();
    fc.assert(
      fc.property(anyText, positions, positions, (stream, position, globalPosition) => {
        expect(frameOf(cached, stream, position, globalPosition)).toBe(
          frameOf(plain, stream, position, globalPosition),
        );
      }),
    );
  });

  test('writes the same for streams it has forgotten, kept and never seen', () => {
    const cached = new CachedFrameEncoder();
    const plain = new PlainFrameEncoder();
    const target = Buffer.alloc(maxFrameBytes);
    const differing: string[] = [];
    const tell = (number: number) => {
      const poke = pokeOf(`stream-${number}`, number, number + 1);
      const frame = target.toString('utf8', 0, cached.encode(poke, target, 0));
      if (frame !== target.toString('utf8', 0, plain.encode(poke, target, 0))) differing.push(frame);
    };
    // Two generations of 8,192 and a bit: the first streams are forgotten, the middle ones are in the old generation.
    for (let number = 0; number < 20_000; number++) tell(number);
    for (let number = 0; number < 20_000; number += 7) tell(number);
    for (let number = 19_999; number >= 0; number -= 5) tell(number);
    expect(differing).toEqual([]);
  });
});

describe('the other pieces of a stream', () => {
  test('say ready', () => {
    expect(readyFrame.toString()).toBe(': ready\n\n');
  });

  test('beat', () => {
    expect(heartbeatFrame.toString()).toBe(': hb\n\n');
  });

  test('tell the reconnection time', () => {
    expect(retryFrame(3_000).toString()).toBe('retry: 3000\n\n');
  });

  test('tell an error as an event', () => {
    expect(errorFrame('BACKEND_ERROR', 'No "log"\nnow').toString()).toBe(
      'event: error\ndata:{"error":{"code":"BACKEND_ERROR","message":"No \\"log\\"\\nnow"}}\n\n',
    );
  });

  test('never end in a blank line of their own', () => {
    const parser = new EventStreamParser();
    const pieces = [readyFrame, retryFrame(1), heartbeatFrame, errorFrame('BACKEND_ERROR', 'x')];
    expect(pieces.map((piece) => /^[^\n].*[^\n]\n\n$/s.test(piece.toString()))).toEqual([true, true, true, true]);
    for (const piece of pieces) parser.push(piece);
    expect([parser.comments, parser.retry, parser.events.length]).toEqual([[' ready', ' hb'], 1, 1]);
  });
});
