/** Fastify with its own plugin for server-sent events. */
import sse from '@fastify/sse';
import Fastify, { type FastifyReply } from 'fastify';

const server = Fastify();
await server.register(sse, { heartbeatInterval: 0 });
const subscribers = new Set<FastifyReply>();
const positions = new Map<string, number>();
let globalPosition = 0;

server.get('/subscribe', { sse: true }, async (_request, reply) => {
  reply.sse.keepAlive();
  reply.sse.sendHeaders();
  // Otherwise the head would wait for the first event.
  reply.raw.write(': ready\n\n');
  subscribers.add(reply);
  reply.sse.onClose(() => subscribers.delete(reply));
});

server.post<{ Params: { stream: string } }>('/streams/:stream/messages', async (request, reply) => {
  const { stream } = request.params;
  const position = positions.get(stream) ?? 0;
  positions.set(stream, position + 1);
  globalPosition++;
  const event = { id: String(globalPosition), event: 'poke', data: { stream, position, globalPosition } };
  for (const subscriber of subscribers) subscriber.sse.send(event).catch(() => subscribers.delete(subscriber));
  return reply.code(201).send({ globalPosition });
});

console.error(`listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit());
