/** Baseline for appends: a Fastify route that parses a JSON body and returns a small object. */
import Fastify from 'fastify';

const server = Fastify();
let count = 0;

server.post('/streams/:stream/messages', async (_request, reply) => {
  reply.code(201);
  return { count: ++count };
});

console.error(`listening on ${await server.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit());
