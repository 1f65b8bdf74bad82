import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxNameBytes } from '../../src/message/stream-name.ts';
import { tagOf } from '../../src/sse/cursor.ts';
import {
  chunkHeadBytes,
  chunkTailBytes,
  DirectFrameEncoder,
  encodeConflated,
  endFrame,
  type FrameEncoder,
  frameBytesAtMost,
  headFrame,
  heartbeatFrame,
  helloFrame,
  lastChunk,
  maxFrameBytes,
  PlainFrameEncoder,
  payloadOf,
  readyBeforeHelloFrame,
  readyFrame,
  resetFrame,
  retryFrame,
  tickFrame,
} from '../../src/sse/frame.ts';
import { anyText, positions } from '../support/arbitraries.ts';
import { ChunkDecoder, dechunk } from '../support/chunks.ts';
import { pokeOf } from '../support/fake-messages.ts';
import { EventStreamParser } from '../support/sse-client.ts';

const encoders = [
  ['plain', () => new PlainFrameEncoder()],
  ['direct', () => new DirectFrameEncoder()],
] as const;
const tag = '7f9c2ba4e88f';

/** The payload of the poke's frame, which must be a single chunk within its size limit. */
function frameOf(encoder: FrameEncoder, stream: string, position: number, globalPosition: number): string {
  const target = Buffer.alloc(stream.length * 6 + maxFrameBytes, '#');
  const end = encoder.encode(pokeOf(stream, position, globalPosition), tag, target, 0);
  expect(target.subarray(end).every((byte) => byte === 0x23)).toBe(true);
  const decoder = new ChunkDecoder();
  const payload = decoder.push(target.subarray(0, end));
  expect(decoder.sizes.length).toBe(1);
  return payload.toString();
}

describe.each(encoders)('the %s encoder', (_name, create) => {
  test('writes event, data, id and a blank line', () => {
    expect(frameOf(create(), 'account-123', 5, 1234)).toBe(
      'event: poke\ndata: {"stream":"account-123","position":5,"globalPosition":1234}\nid: 1234-7f9c2ba4e88f\n\n',
    );
  });

  test.each([0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e15 - 1, 1e15, Number.MAX_SAFE_INTEGER])(
    'writes the position %i in decimal',
    (position) => {
      expect(frameOf(create(), 'a', position, position)).toBe(
        `event: poke\ndata: {"stream":"a","position":${position},"globalPosition":${position}}\nid: ${position}-${tag}\n\n`,
      );
    },
  );

  test('writes at the given index and returns the index after the frame', () => {
    const target = Buffer.alloc(2 * maxFrameBytes);
    const encoder = create();
    const first = encoder.encode(pokeOf('a-1', 0, 1), tag, target, 0);
    const second = encoder.encode(pokeOf('a-1', 1, 2), tag, target, first);
    expect(target.toString('utf8', 0, second)).toBe(
      '057\r\nevent: poke\ndata: {"stream":"a-1","position":0,"globalPosition":1}\nid: 1-7f9c2ba4e88f\n\n\r\n' +
        '057\r\nevent: poke\ndata: {"stream":"a-1","position":1,"globalPosition":2}\nid: 2-7f9c2ba4e88f\n\n\r\n',
    );
  });

  test.each([
    ['a carriage return', 'a\rb', '"a\\rb"'],
    ['a line feed', 'a\nb', '"a\\nb"'],
    ['both', 'a\r\nid: 7\r\n\r\nb', '"a\\r\\nid: 7\\r\\n\\r\\nb"'],
    ['NUL', 'a\0b', '"a\\u0000b"'],
    ['a quote', 'a"b', '"a\\"b"'],
    ['a backslash', 'a\\b', '"a\\\\b"'],
    ['a line separator', 'a\u2028b', '"a\\u2028b"'],
    ['a paragraph separator', 'a\u2029b', '"a\\u2029b"'],
    ['a delete', 'a\u007fb', '"a\u007fb"'],
    ['a next line', 'a\u0085b', '"a\u0085b"'],
    ['a lone surrogate', 'a\ud83db', '"a\\ud83db"'],
    ['characters of all planes', 'é世😀', '"é世😀"'],
  ])('keeps %s in a name inside its line', (_what, name, json) => {
    expect(frameOf(create(), name, 0, 1)).toBe(
      `event: poke\ndata: {"stream":${json},"position":0,"globalPosition":1}\nid: 1-${tag}\n\n`,
    );
  });

  test('writes frames that a parser reads back, for any name and any positions', () => {
    fc.assert(
      fc.property(anyText, positions, positions, (stream, position, globalPosition) => {
        const parser = new EventStreamParser();
        parser.push(Buffer.from(frameOf(create(), stream, position, globalPosition)));
        expect(parser.events).toEqual([
          { type: 'poke', data: expect.any(String), lastEventId: `${globalPosition}-${tag}` },
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
    ['line separators', '\u2028'.repeat(maxNameBytes / 3)],
    ['plain letters', 'a'.repeat(maxNameBytes)],
    ['one letter', 'a'],
    ['one line separator', '\u2028'],
  ])('stays within the room it is given for the longest numbers and a name of %s', (_what, name) => {
    const poke = pokeOf(name, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    const end = create().encode(poke, tag, Buffer.alloc(2 * maxFrameBytes), 0);
    expect([end <= frameBytesAtMost(poke), frameBytesAtMost(poke) <= maxFrameBytes]).toEqual([true, true]);
  });

  test('includes the log of each poke', () => {
    const encoder = create();
    const target = Buffer.alloc(maxFrameBytes);
    const ids = ['7f9c2ba4e88f', '000000000000', '7f9c2ba4e88f'].map((tag) => {
      const end = encoder.encode(pokeOf('a-1', 0, 1), tag, target, 0);
      return /id: (.*)/.exec(target.toString('utf8', 0, end))![1];
    });
    expect(ids).toEqual(['1-7f9c2ba4e88f', '1-000000000000', '1-7f9c2ba4e88f']);
  });

  test('writes into one buffer after another, including parts of them', () => {
    const encoder = create();
    const whole = Buffer.alloc(4 * maxFrameBytes, '#');
    const parts = [whole.subarray(0, maxFrameBytes), whole.subarray(2 * maxFrameBytes), Buffer.alloc(maxFrameBytes)];
    const frames = [0, 1, 2, 0].map((part) => {
      const end = encoder.encode(pokeOf('a-1', 0, 1), tag, parts[part]!, 7);
      return parts[part]!.toString('utf8', 7, end);
    });
    expect(new Set(frames)).toEqual(new Set([frames[0]]));
  });
});

describe('the direct encoder', () => {
  test('writes the same bytes as the plain one, whatever was encoded before', () => {
    const direct = new DirectFrameEncoder();
    const plain = new PlainFrameEncoder();
    fc.assert(
      fc.property(anyText, positions, positions, (stream, position, globalPosition) => {
        expect(frameOf(direct, stream, position, globalPosition)).toBe(
          frameOf(plain, stream, position, globalPosition),
        );
      }),
    );
  });

  test('writes the same bytes as the plain one for each character and each length of a name', () => {
    const direct = new DirectFrameEncoder();
    const plain = new PlainFrameEncoder();
    const names = [
      ...Array.from({ length: 256 }, (_, unit) => `abcde${String.fromCharCode(unit)}fg`),
      ...Array.from({ length: 20 }, (_, length) => 'x'.repeat(length)),
      ...['ā', '\u2028', '😀'].flatMap((odd) => [0, 1, 2, 3, 4, 5].map((before) => `${'x'.repeat(before)}${odd}`)),
    ];
    const differing = names.filter((name) => frameOf(direct, name, 7, 1234) !== frameOf(plain, name, 7, 1234));
    expect(differing).toEqual([]);
  });
});

describe('a conflated poke', () => {
  const poke = { stream: 'a-\u2028', from: 3, position: 9, globalPosition: 40, count: 5 };
  const payload = (id: number | undefined) => {
    const target = Buffer.alloc(maxFrameBytes);
    return dechunk(target.subarray(0, encodeConflated(poke, id, tag, target, 0))).toString();
  };
  const data = '{"stream":"a-\\u2028","position":9,"globalPosition":40,"from":3,"count":5}';

  test('that ends its round has an id', () => {
    expect(payload(41)).toBe(`event: poke\ndata: ${data}\nid: 41-7f9c2ba4e88f\n\n`);
  });

  test('that others follow has none', () => {
    expect(payload(undefined)).toBe(`event: poke\ndata: ${data}\n\n`);
  });

  test('stays within the maximum frame size for the longest name and numbers', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const largest = { stream: '"'.repeat(maxNameBytes), from: most, position: most, globalPosition: most, count: most };
    expect(encodeConflated(largest, most, tag, Buffer.alloc(2 * maxFrameBytes), 0)).toBeLessThanOrEqual(maxFrameBytes);
  });
});

describe('the framing', () => {
  test('has a size of three digits, in which the largest frame fits', () => {
    expect([chunkHeadBytes, chunkTailBytes, maxFrameBytes <= 0xfff]).toEqual([5, 2, true]);
  });

  test('has a size of more digits if a frame is larger', () => {
    expect(endFrame('x'.repeat(5_000)).toString('latin1', 0, 6)).toBe('13a5\r\n');
  });

  test('of the last chunk is that of HTTP', () => {
    expect(lastChunk.toString()).toBe('0\r\n\r\n');
  });

  test('is removed from one frame and from several', () => {
    expect([payloadOf(heartbeatFrame), payloadOf(Buffer.concat([heartbeatFrame, retryFrame(7)]))].map(String)).toEqual([
      ':\n',
      ':\nretry: 7\n',
    ]);
  });
});

describe('the other pieces of a stream', () => {
  const epoch = '7f9c2ba4-e88f-427d-a616-5e5f5d8c9e1b';

  test.each([
    ['report readiness', readyFrame, ': ready\n\n'],
    ['report readiness before a hello', readyBeforeHelloFrame, ': ready\n'],
    ['contain a heartbeat', heartbeatFrame, ':\n'],
    ['set the reconnection time', retryFrame(3_000), 'retry: 3000\n'],
    ['report an end', endFrame('draining'), 'event: end\ndata:{"code":"draining"}\n\n'],
    [
      'report a refusal with the cursor of the request',
      endFrame('overloaded', '7-x'),
      'event: end\nid: 7-x\ndata:{"code":"overloaded"}\n\n',
    ],
    [
      'contain a hello with a cursor of the log',
      helloFrame({ epoch, head: 9, forgottenUpTo: 3 }, 7, 0),
      `event: hello\nid: 7-${tagOf(epoch)}\ndata:{"epoch":"${epoch}","head":9,"forgottenUpTo":3,"time":"1970-01-01T00:00:00.000Z"}\n\n`,
    ],
    [
      'contain a hello without one',
      helloFrame({ epoch, head: 9, forgottenUpTo: 3 }, undefined, 0),
      `event: hello\ndata:{"epoch":"${epoch}","head":9,"forgottenUpTo":3,"time":"1970-01-01T00:00:00.000Z"}\n\n`,
    ],
    [
      'report the head and the number of pokes with a cursor of the log',
      headFrame(epoch, 9, 4, 10),
      `event: heartbeat\nid: 10-${tagOf(epoch)}\ndata:{"epoch":"${epoch}","head":9,"count":4}\n\n`,
    ],
    ['tick', tickFrame(2, 0.5, true), 'event: tick\ndata:{"number":2,"sentMs":0.5,"last":true}\n\n'],
  ])('%s', (_what, frame, payload) => {
    const decoder = new ChunkDecoder();
    expect([decoder.push(frame).toString(), decoder.sizes.length]).toEqual([payload, 1]);
  });

  test('report why a cursor was not resumed, with line separators escaped', () => {
    const lost = { epoch: '\u2029', from: 3, to: null };
    const frame = resetFrame({ reason: 'other-epoch', epoch, head: 9, lost, replayFrom: 1 }, 0);
    expect(dechunk(frame).toString()).toContain('"lost":{"epoch":"\\u2029","from":3,"to":null}');
  });

  test('have the id of a reset after its data, because some clients take an id before the event is complete', () => {
    const lost = { epoch, from: 3, to: 6 };
    const frame = resetFrame({ reason: 'forgotten', epoch, head: 9, lost, replayFrom: 7 }, 6);
    expect(dechunk(frame).toString()).toBe(
      `event: reset\ndata:{"reason":"forgotten","epoch":"${epoch}","head":9,` +
        `"lost":{"epoch":"${epoch}","from":3,"to":6},"replayFrom":7}\nid: 6-${tagOf(epoch)}\n\n`,
    );
  });

  test('are no event to a client that dispatches on a blank line, except for the one after ready', () => {
    const payloads = [readyFrame, readyBeforeHelloFrame, retryFrame(1), heartbeatFrame].map(dechunk);
    expect(payloads.map((payload) => payload.toString().endsWith('\n\n'))).toEqual([true, false, false, false]);
  });
});
