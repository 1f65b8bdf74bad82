import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Reader, readerMissing } from '../../load/lib/reader.ts';
import type { Target } from '../../load/lib/target.ts';

const order = { connections: 2, perSecond: 0, durationMs: 100 };
const target = {
  subscribePath: (selector) => `/subscribe?${selector}`,
  appendPath: (category) => `/streams/${category}-{}/messages`,
  appendBody: '{}',
  order: 'consecutive',
} as Target;
const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const answer = 'HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}';
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that delivers each frame to every subscriber with `send`. */
async function startServer(send: (subscriber: Socket, frame: string, number: number) => void): Promise<Reader> {
  const subscribers: Socket[] = [];
  const sockets = new Set<Socket>();
  const positions = new Map<string, number>();
  let appends = 0;
  const append = (stream: string) => {
    const position = positions.get(stream) ?? 0;
    positions.set(stream, position + 1);
    appends++;
    const data = `{"stream":"${stream}","position":${position},"globalPosition":${appends}}`;
    for (const one of subscribers) send(one, `event: poke\ndata: ${data}\nid: ${appends}\n\n`, appends);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const text = bytes.toString();
      if (text.startsWith('GET')) {
        subscribers.push(socket);
        socket.write(head + chunk(': ready\n\n'));
        return;
      }
      // A writer at a fixed rate does not wait, so several requests may arrive together.
      for (const [, stream] of text.matchAll(/POST \/streams\/([^/]+)/g)) {
        append(stream!);
        socket.write(answer);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const node = { port, pid: process.pid, stop: async () => {} };
  const reader = new Reader({ subscribe: [node], append: [node] }, target);
  closing.push(() => {
    reader.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await reader.connect(3);
  return reader;
}

describe.skipIf(readerMissing !== undefined)('the reader in C', () => {
  it('matches every delivery with its append, however chunks and packets split the frames', async () => {
    const reader = await startServer((subscriber, frame) => {
      const bytes = chunk(frame);
      const middle = bytes.length >> 1;
      subscriber.write(bytes.slice(0, middle));
      subscriber.write(bytes.slice(middle));
    });
    const { published, deliveries, latencyMs } = await reader.publish(order);
    expect(published).toBeGreaterThan(0);
    expect(deliveries).toBe(published * 3);
    expect(latencyMs.p50).toBeGreaterThan(0);
    expect(latencyMs.max).toBeGreaterThanOrEqual(latencyMs.p99);
  });

  it('follows the clock when it has a rate', async () => {
    const reader = await startServer((subscriber, frame) => subscriber.write(chunk(frame)));
    const { published } = await reader.publish({ connections: 1, perSecond: 200, durationMs: 100 });
    expect(published).toBe(20);
  });

  it('does not accept a frame that arrived twice', async () => {
    const reader = await startServer((subscriber, frame, number) => {
      subscriber.write(chunk(frame));
      if (number === 1) subscriber.write(chunk(frame));
    });
    await expect(reader.publish(order)).rejects.toThrow('disordered');
  });

  it('does not accept data that names no message', async () => {
    const reader = await startServer((subscriber, frame, number) => {
      subscriber.write(chunk(frame));
      if (number === 1) subscriber.write(chunk('data:{"code":"GONE"}\n\n'));
    });
    await expect(reader.publish(order)).rejects.toThrow('strange');
  });
});
