import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { GatheringRequest } from '../../src/http/plumbing/gathering-request.ts';
import { Exposition } from '../support/exposition.ts';
import { SpokenProcess } from '../support/spoken-process.ts';

const pieceChunks = 10_000;

/** Sends the start of a request, then one-byte chunks as fast as they are accepted. */
async function sendChunks(port: number, line: string, first: string, count: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const head = 'Host: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked';
  socket.write(`${line} HTTP/1.1\r\n${head}\r\n\r\n${first.length.toString(16)}\r\n${first}\r\n`);
  const piece = '1\r\nx\r\n'.repeat(pieceChunks);
  for (let sent = 0; sent < count; sent += pieceChunks) {
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  return socket;
}

async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (piece) => {
    text += piece;
  });
  while (!/\r\n\r\n.*(\}|\n0\r\n\r\n)/s.test(text)) await once(socket, 'data');
  return text;
}

test('Bodies in one-byte chunks use memory by their size, not by their number of chunks.', async () => {
  const nodeFlags = ['--max-old-space-size=160'];
  await using server = new SpokenProcess(['--port', '0', '--host', '127.0.0.1'], {}, { nodeFlags });
  const { origin, port } = await server.listening();
  const readBytes = async () => {
    const metrics = new Exposition(await (await fetch(`${origin}/metrics`)).text());
    return metrics.value('nodejs_heap_size_used_bytes') + metrics.value('nodejs_external_memory_bytes');
  };
  const before = await readBytes();
  const count = 500_000;
  const message = '{"type":"T","data":{"text":"';
  const requests = [
    ['POST /rpc', `["stream.write","a-1",${message}`, '"}}]', '200 OK'],
    ['POST /streams/a-1/messages', message, '"}}', '201 Created'],
    ['POST /import', '{"id":"1","stream":"b-1","pos":0,"gpos":9,"type":"T","data":{"text":"', '"}}', 'INVALID_RECORD'],
  ] as const;
  const sockets = await Promise.all(requests.map(([line, first]) => sendChunks(Number(port), line, first, count)));
  // The server reads at most 2 MiB of every socket per turn, until nothing is left in the kernel.
  for (let turn = 0; turn < 20; turn++) await readBytes();
  const wireBytes = sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
  // Memory left by the reads is in use until it is collected.
  await expect.poll(async () => (await readBytes()) - before, { timeout: 30_000 }).toBeLessThan(2 * wireBytes);
  const answers = sockets.map(answerOf);
  for (const [at, [, , last]] of requests.entries()) {
    sockets[at]!.write(`${last.length.toString(16)}\r\n${last}\r\n0\r\n\r\n`);
  }
  for (const [at, [, , , outcome]] of requests.entries()) expect(await answers[at]).toContain(outcome);
  const text = await (await fetch(`${origin}/streams/a-1/messages`)).text();
  expect(text.split(`"text":"${'x'.repeat(count)}"`)).toHaveLength(3);
  for (const socket of sockets) socket.destroy();
});

test('A body that nobody reads waits in pieces as large as the reads of its socket, and arrives completely.', async () => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const server = createServer({ IncomingMessage: GatheringRequest }, (request, response) => {
    arrived.resolve(request);
    request.on('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = await sendChunks((server.address() as AddressInfo).port, 'POST /', 'first', pieceChunks * 5);
  socket.write('0\r\n\r\n');
  const request = await arrived.promise;
  const answer = answerOf(socket);
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).toString()).toBe(`first${'x'.repeat(pieceChunks * 5)}`);
  // One per turn of the event loop, and the kernel delivers more than a few bytes in each.
  expect(pieces.length).toBeLessThan(200);
  await answer;
  socket.destroy();
  server.close();
});

/** The taker's notifications for a body of these chunks; the client leaves if the last chunk is missing. */
async function tellingsOf(sent: readonly string[], isAskedLate: boolean): Promise<{ told: string[]; ended: boolean }> {
  const told: string[] = [];
  const settled = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<GatheringRequest>();
  const server = createServer({ IncomingMessage: GatheringRequest }, (request, response) => {
    const ask = () =>
      request.handTo({
        add: (piece) => told.push(piece.toString()),
        end: () => {
          told.push('end');
          settled.resolve();
        },
        fail: ({ message }) => {
          told.push(message);
          settled.resolve();
        },
      });
    if (isAskedLate) setImmediate(() => setImmediate(ask));
    else ask();
    arrived.resolve(request);
    settled.promise.then(() => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay();
  socket.on('error', () => {});
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${sent.join('')}`);
  const request = await arrived.promise;
  if (sent.at(-1) !== last) socket.destroy();
  await settled.promise;
  const ended = sent.at(-1) !== last || request.readableEnded || (await once(request, 'end').then(() => true));
  socket.destroy();
  server.close();
  return { told: [told.slice(0, -1).join(''), told.at(-1)!], ended };
}

const last = '0\r\n\r\n';

test.each([
  ['at once', false],
  ['when it has come', true],
])('A body that is asked for %s is handed over whole, and its request ends.', async (_when, isAskedLate) => {
  const told = await tellingsOf(['4\r\nabcd\r\n', '1\r\ne\r\n', '2\r\nfg\r\n', last], isAskedLate);
  expect(told).toEqual({ told: ['abcdefg', 'end'], ended: true });
});

test('A handler waiting for a body that is cut off gets an error.', async () => {
  expect((await tellingsOf(['4\r\nabcd\r\n'], false)).told.at(-1)).toBe('aborted');
});
