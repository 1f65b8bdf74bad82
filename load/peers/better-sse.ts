/** better-sse with Fastify: one channel, one session per subscriber. */
import { createChannel, createSession } from 'better-sse';
import Fastify from 'fastify';

const server = Fastify();
const channel = createChannel();
const positions = new Map<string, number>();
let globalPosition = 0;

server.get('/subscribe', async (request, reply) => {
  reply.hijack();
  channel.register(await createSession(request.raw, reply.raw, { keepAlive: null, retry: null }));
});

server.post<{ Params: { stream: string } }>('/streams/:stream/messages', async (request, reply) => {
  const { stream } = request.params;
  const position = positions.get(stream) ?? 0;
  positions.set(stream, position + 1);
  globalPosition++;
  channel.broadcast({ stream, position, globalPosition }, 'poke', { eventId: String(globalPosition) });
  return reply.code(201).send({ globalPosition });
});

console.error(`listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit());
