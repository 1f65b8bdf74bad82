import { beforeEach, describe, expect, test } from 'vitest';
import { type BufferLease, BufferPool } from '../../src/pool/buffer-pool.ts';
import { Connection, type Framing } from '../../src/sse/connection.ts';
import { chunk } from '../support/chunks.ts';
import { FakeSink } from '../support/fake-sink.ts';

let pool: BufferPool;
let told: string[];

beforeEach(() => {
  pool = new BufferPool({ min: 1, max: 4 });
  told = [];
});

function connectionOn(sink: FakeSink, framing: Framing = 'chunked'): Connection {
  return new Connection(sink, { drained: () => told.push('drained'), closed: () => told.push('closed') }, framing);
}

/** Sends this text in a lease that its lessee has released. */
function sendOnce(connection: Connection, text: string): { taken: boolean; lease: BufferLease } {
  const lease = pool.acquire(text.length);
  const length = lease.bytes.write(text);
  const taken = connection.send(lease.bytes.subarray(0, length), lease);
  lease.release();
  return { taken, lease };
}

const leased = () => pool.classes.get(4_096)!.stats.leased;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a connection whose socket takes the bytes', () => {
  test('says so', () => {
    expect(sendOnce(connectionOn(new FakeSink()), 'abc').taken).toBe(true);
  });

  test('does not keep the buffer', () => {
    sendOnce(connectionOn(new FakeSink()), 'abc');
    expect(leased()).toBe(0);
  });

  test('reports no drain', async () => {
    sendOnce(connectionOn(new FakeSink()), 'abc');
    await turn();
    expect(told).toEqual([]);
  });

  test('returns true even if the socket asks to wait', () => {
    const sink = new FakeSink();
    sink.answerWhenTaken = false;
    expect(sendOnce(connectionOn(sink), 'abc').taken).toBe(true);
  });
});

describe('a connection whose socket is full', () => {
  test.each([0, 1, 2])('returns false when the kernel accepted %i of 3 bytes', (room) => {
    expect(sendOnce(connectionOn(new FakeSink(room)), 'abc').taken).toBe(false);
  });

  test.each([true, false])('returns false even if the socket itself answers %s', (answer) => {
    const sink = new FakeSink(0);
    sink.answerWhenFull = answer;
    expect(sendOnce(connectionOn(sink), 'abc').taken).toBe(false);
  });

  test('keeps the buffer until the last byte is accepted', () => {
    const sink = new FakeSink(1);
    sendOnce(connectionOn(sink), 'abc');
    const leases = [1, 1].map((bytes) => {
      sink.drain(bytes);
      return leased();
    });
    expect(leases).toEqual([1, 0]);
  });

  test('reports once that it has drained, after the buffer is free', () => {
    const sink = new FakeSink(0);
    let leasedWhenDrained = -1;
    const drained = () => {
      leasedWhenDrained = leased();
      told.push('drained');
    };
    const connection = new Connection(sink, { drained, closed: () => {} }, 'chunked');
    sendOnce(connection, 'abc');
    sink.drain();
    expect([leasedWhenDrained, told]).toEqual([0, ['drained']]);
  });

  test('does not report a drain before the last byte is accepted', () => {
    const sink = new FakeSink(0);
    sendOnce(connectionOn(sink), 'abc');
    sink.drain(2);
    expect(told).toEqual([]);
  });

  test('delivers the content of the buffer at the time of the send', () => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    const other = pool.acquire(3);
    other.bytes.write('XYZ');
    sink.drain();
    expect(sink.received.toString()).toBe('abc');
  });

  test('accepts only one pending piece', () => {
    const sink = new FakeSink(0);
    sendOnce(connectionOn(sink), 'abc');
    sink.drain();
    expect([sink.writes, sink.writesWhileFull]).toEqual([1, 0]);
  });

  test('can be sent to again once it has drained', () => {
    const sink = new FakeSink(0);
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    sink.drain();
    sendOnce(connection, 'def');
    expect(sink.received.toString()).toBe('abcdef');
  });

  test('reports each drain', () => {
    const sink = new FakeSink(0);
    const connection = connectionOn(sink);
    for (const text of ['abc', 'def']) {
      sendOnce(connection, text);
      sink.drain(3);
    }
    expect(told).toEqual(['drained', 'drained']);
  });

  test('also waits for bytes that are not from a pool', () => {
    const sink = new FakeSink(0);
    const taken = connectionOn(sink).send(chunk('abc'));
    sink.drain();
    expect([taken, told]).toEqual([false, ['drained']]);
  });
});

describe('a connection that ends', () => {
  test.each([
    ['the peer closes', (sink: FakeSink) => sink.hangUp()],
    ['the peer sends something', (sink: FakeSink) => sink.say()],
    ['the socket fails', (sink: FakeSink) => sink.fail(new Error('reset'))],
    ['the socket is destroyed', (sink: FakeSink) => sink.destroy()],
  ])('tells so once when %s', async (_what, happen) => {
    const sink = new FakeSink();
    connectionOn(sink);
    happen(sink);
    await turn();
    expect([told, sink.destroyed]).toEqual([['closed'], true]);
  });

  test.each([
    ['the peer closes', (sink: FakeSink) => sink.hangUp()],
    ['the socket fails', (sink: FakeSink) => sink.fail(new Error('reset'))],
    ['we destroy it', (_sink: FakeSink, connection: Connection) => connection.destroy()],
  ])('gives the buffer back once when %s', async (_what, happen) => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    happen(sink, connection);
    await turn();
    const { released, dropped } = pool.classes.get(4_096)!.stats;
    expect([leased(), released + dropped, told]).toEqual([0, 1, ['closed']]);
  });

  test('does not release a buffer twice, because others may use it now', async () => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink);
    const { lease } = sendOnce(connection, 'abc');
    sink.drain();
    const other = pool.acquire(3);
    connection.destroy();
    await turn();
    expect([other === lease, leased()]).toEqual([true, 1]);
  });

  test('keeps the buffer until the socket has closed, because the kernel may still read it', () => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    connection.destroy();
    expect(leased()).toBe(1);
  });

  test('sends pending bytes before it closes when it is ended', async () => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    connection.end(false);
    const before = sink.destroyed;
    sink.drain();
    await turn();
    expect([before, sink.received.toString(), sink.destroyed]).toEqual([false, 'abc', true]);
  });

  test('closes at once when it is ended and nothing is pending', async () => {
    const sink = new FakeSink();
    connectionOn(sink).end(false);
    await turn();
    expect([sink.destroyed, told]).toEqual([true, ['closed']]);
  });
});

describe('a connection that ends a chunked body', () => {
  test('completes it with the last chunk if the client must not reconnect', async () => {
    const sink = new FakeSink();
    const connection = connectionOn(sink);
    connection.send(chunk('abc'));
    connection.end(true);
    await turn();
    expect([sink.received.toString(), sink.destroyed]).toEqual(['003\r\nabc\r\n0\r\n\r\n', true]);
  });

  test('leaves it incomplete if the client should reconnect', async () => {
    const sink = new FakeSink();
    const connection = connectionOn(sink);
    connection.send(chunk('abc'));
    connection.end(false);
    await turn();
    expect([sink.received.toString(), sink.destroyed]).toEqual(['003\r\nabc\r\n', true]);
  });
});

describe('a connection opens', () => {
  test('with head and chunks in one write', () => {
    const sink = new FakeSink();
    const taken = connectionOn(sink).open(Buffer.from('head'), chunk('abc'));
    expect([taken, sink.writes, sink.received.toString()]).toEqual([true, 1, 'head003\r\nabc\r\n']);
  });

  test('and waits for a full socket, as with any other bytes', () => {
    const sink = new FakeSink(2);
    const taken = connectionOn(sink).open(Buffer.from('head'), chunk('abc'));
    sink.drain();
    expect([taken, told]).toEqual([false, ['drained']]);
  });
});

describe('a plain connection', () => {
  test('sends the payload of a chunk from its buffer, and keeps the buffer until it is accepted', () => {
    const sink = new FakeSink(1);
    const connection = connectionOn(sink, 'plain');
    const lease = pool.acquire(8);
    const length = chunk('abc').copy(lease.bytes);
    const taken = connection.send(lease.bytes.subarray(0, length), lease);
    lease.release();
    const held = leased();
    lease.bytes.write('X', 6);
    sink.drain();
    expect([taken, held, leased(), sink.received.toString()]).toEqual([false, 1, 0, 'aXc']);
  });

  test('sends the payloads of several chunks in one write', () => {
    const sink = new FakeSink();
    connectionOn(sink, 'plain').send(Buffer.concat([chunk('abc'), chunk('d'.repeat(300)), chunk('é\r\n')]));
    expect([sink.writes, sink.received.toString()]).toEqual([1, `abc${'d'.repeat(300)}é\r\n`]);
  });

  test('does not frame the head, and removes the framing of later chunks', () => {
    const sink = new FakeSink();
    connectionOn(sink, 'plain').open(Buffer.from('1\r\n'), chunk('abc'));
    expect(sink.received.toString()).toBe('1\r\nabc');
  });

  test.each([true, false])('has no last chunk, whether its end is final or not: %s', async (isFinal) => {
    const sink = new FakeSink();
    connectionOn(sink, 'plain').end(isFinal);
    await turn();
    expect([sink.received.length, sink.destroyed]).toEqual([0, true]);
  });
});

describe('the bytes sent', () => {
  test('do not include earlier bytes on the socket', () => {
    const sink = new FakeSink();
    sink.write(Buffer.from('earlier'));
    const connection = connectionOn(sink);
    sendOnce(connection, 'abc');
    expect(connection.bytesSent).toBe(3);
  });

  test('include pending bytes', () => {
    const connection = connectionOn(new FakeSink(1));
    sendOnce(connection, 'abc');
    expect(connection.bytesSent).toBe(3);
  });
});
