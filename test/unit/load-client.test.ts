import { describe, expect, it } from 'vitest';
import { EventReader } from '../../load/lib/event-reader.ts';
import { ResponseReader } from '../../load/lib/response-reader.ts';
import { Transcript } from '../../load/lib/transcript.ts';

const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n';
const frame = (id: number, stream = 'account-1') =>
  `event: poke\ndata: {"stream":"${stream}","position":${id - 1},"globalPosition":${id}}\nid: ${id}\n\n`;
const frames = (...ids: number[]) => ids.map((id) => frame(id)).join('');

/** One connection of the load client, without its socket. */
function connection(transcript: Transcript) {
  transcript.readers++;
  const events = new EventReader(transcript);
  const response = new ResponseReader((bytes, start, end) => events.push(bytes, start, end));
  const read = (...pieces: string[]) => {
    for (const piece of pieces) {
      // Surrounded by other bytes, as in the buffer that all sockets share.
      const bytes = Buffer.from(`???${piece}???`, 'latin1');
      response.push(bytes, 3, bytes.length - 3);
    }
  };
  return { events, response, read };
}

function inPieces(text: string, length: number): string[] {
  return text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? [];
}

describe('the load client', () => {
  it('counts the same frames however the bytes are split', () => {
    const text = `${head}: ready\n\nretry: 2500\n${frames(1, 2)}:\n${frames(3, 4, 5)}`;
    for (let length = 1; length <= text.length; length++) {
      const transcript = new Transcript('consecutive');
      const { events, response, read } = connection(transcript);
      read(...inPieces(text, length));
      expect([response.status, events.frames, events.problem, transcript.problems]).toEqual([200, 5, undefined, []]);
    }
  });

  it('reads chunked responses however their bytes are split', () => {
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const chunkedHead = head.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n');
    const text = `${chunkedHead}${chunk(': ready\n\n')}${chunk(frame(1))}${chunk(frames(2, 3))}`;
    for (let length = 1; length <= text.length; length++) {
      const { events, read } = connection(new Transcript('consecutive'));
      read(...inPieces(text, length));
      expect([events.frames, events.problem]).toEqual([3, undefined]);
    }
  });

  it('compares connections that are at different positions', () => {
    const transcript = new Transcript('consecutive');
    const ahead = connection(transcript);
    const behind = connection(transcript);
    ahead.read(head, frames(1, 2), frame(3).slice(0, 20));
    behind.read(`${head}: ready\n\n${frame(1)}`, `:\n${frames(2, 3, 4)}`);
    ahead.read(frame(3).slice(20), `:\n${frame(4)}`);
    expect([ahead.events.frames, behind.events.frames]).toEqual([4, 4]);
    expect([ahead.events.problem, behind.events.problem, transcript.problems]).toEqual([undefined, undefined, []]);
  });

  it('records when the last connection has a frame', () => {
    const transcript = new Transcript('consecutive');
    const first = connection(transcript);
    const second = connection(transcript);
    first.read(head, frames(1, 2));
    second.read(head, frame(1));
    expect([transcript.heard[0], transcript.heard[1]]).toEqual([2, 1]);
    expect(transcript.completedAtUs[0]).toBeGreaterThan(0);
    expect(transcript.completedAtUs[1]).toBe(0);
  });

  it('reports a gap, a repetition and a decrease', () => {
    for (const [ids, problem] of [
      [[1, 2, 4], 'id 4 came behind 2: 1 are missing'],
      [[1, 2, 2], 'id 2 came behind 2'],
      [[1, 3, 2], 'id 2 came behind 3'],
    ] as const) {
      const transcript = new Transcript('consecutive');
      connection(transcript).read(head, frames(...ids));
      expect(transcript.problems).toContain(problem);
    }
  });

  it('permits gaps if a subscriber receives a part of the log, but no decrease', () => {
    const transcript = new Transcript('rising');
    connection(transcript).read(head, frames(3, 9, 10, 8));
    expect(transcript.problems).toEqual(['id 8 came behind 10']);
  });

  it('detects a connection that misses a frame that others received', () => {
    const transcript = new Transcript('consecutive');
    const right = connection(transcript);
    const wrong = connection(transcript);
    right.read(head, frames(1, 2, 3));
    wrong.read(head, frame(1), frame(3));
    expect(wrong.events.frames).toBe(1);
    expect(wrong.events.problem).toContain('differs from what others were told');
  });

  it('detects a connection that received other content with the same id', () => {
    const transcript = new Transcript('consecutive');
    const right = connection(transcript);
    const wrong = connection(transcript);
    right.read(head, frame(1));
    wrong.read(head, frame(1, 'account-2'));
    expect(wrong.events.problem).toContain('frame 0 differs');
  });

  it('reads ids of seconds and a count, as nchan sends them', () => {
    const transcript = new Transcript('rising');
    const of = (id: string) => `event: poke\nid: ${id}\ndata: {}\n\n`;
    connection(transcript).read(head, of('1700000000:0'), of('1700000000:1'), of('1700000001:0'), of('1700000000:2'));
    expect(transcript.problems).toEqual(['id 1700000000000002 came behind 1700000001000000']);
  });

  it('reads ids that name their log after the position', () => {
    const transcript = new Transcript('consecutive');
    const of = (id: number) => `event: poke\ndata: {}\nid: ${id}-123456789012\n\n`;
    connection(transcript).read(head, of(9), of(10), of(12));
    expect([transcript.frames, transcript.problems]).toEqual([3, ['id 12 came behind 10: 1 are missing']]);
  });

  it('reports a frame without an id', () => {
    const transcript = new Transcript('consecutive');
    connection(transcript).read(head, 'event: poke\ndata: {}\n\n');
    expect(transcript.problems[0]).toContain('a frame without an id');
  });
});
