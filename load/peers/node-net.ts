/**
 * The lower bound in Node: no HTTP library, one buffer shared by all subscribers. Writes each poke at once; with
 * `batched`, the frames of one turn of the event loop together. With `nagle`, the kernel may delay a small write until
 * the peer has acknowledged the previous one.
 */
import { createServer, type Socket } from 'node:net';

const batched = process.argv.includes('batched');
const noDelay = !process.argv.includes('nagle');
const subscribers = new Set<Socket>();
const head =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n: ready\n\n';
const positions = new Map<string, number>();
let globalPosition = 0;
let gathered: string[] = [];

function frameOf(stream: string): string {
  const position = positions.get(stream) ?? 0;
  positions.set(stream, position + 1);
  globalPosition++;
  const data = `{"stream":"${stream}","position":${position},"globalPosition":${globalPosition}}`;
  return `event: poke\ndata: ${data}\nid: ${globalPosition}\n\n`;
}

function tell(frames: string): void {
  const bytes = Buffer.from(frames, 'latin1');
  for (const subscriber of subscribers) subscriber.write(bytes);
}

function flush(): void {
  const frames = gathered.join('');
  gathered = [];
  tell(frames);
}

function publish(stream: string): void {
  const frame = frameOf(stream);
  if (!batched) tell(frame);
  else if (gathered.push(frame) === 1) setImmediate(flush);
}

const server = createServer({ noDelay }, (socket) => {
  let text = '';
  socket.on('error', () => socket.destroy());
  socket.on('close', () => subscribers.delete(socket));
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n');
      if (headEnd === -1) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0);
      const end = headEnd + 4 + length;
      if (text.length < end) return;
      const [, method, path] = /^(\w+) (\S+)/.exec(text)!;
      text = text.slice(end);
      if (method === 'GET') {
        subscribers.add(socket);
        socket.write(head);
      } else {
        publish(path!.split('/')[2]!);
        const body = `{"globalPosition":${globalPosition}}`;
        socket.write(
          `HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      }
    }
  });
});

server.listen({ host: '127.0.0.1', port: 0 }, () => {
  console.error(`listening on :${(server.address() as { port: number }).port}`);
});
process.on('SIGTERM', () => process.exit());
