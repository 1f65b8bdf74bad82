/** The straightforward solution in Fastify: `reply.raw.write` and `JSON.stringify` for each subscriber. */
import type { ServerResponse } from 'node:http';
import Fastify from 'fastify';

const server = Fastify();
const subscribers = new Set<ServerResponse>();
const positions = new Map<string, number>();
let globalPosition = 0;

server.get('/subscribe', (_request, reply) => {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  reply.raw.write(': ready\n\n');
  subscribers.add(reply.raw);
  reply.raw.on('close', () => subscribers.delete(reply.raw));
});

server.post<{ Params: { stream: string } }>('/streams/:stream/messages', async (request, reply) => {
  const { stream } = request.params;
  const position = positions.get(stream) ?? 0;
  positions.set(stream, position + 1);
  globalPosition++;
  for (const subscriber of subscribers) {
    const data = JSON.stringify({ stream, position, globalPosition });
    subscriber.write(`event: poke\ndata: ${data}\nid: ${globalPosition}\n\n`);
  }
  return reply.code(201).send({ globalPosition });
});

console.error(`listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit());
