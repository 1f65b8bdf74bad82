import swagger from '@fastify/swagger';
import { Type } from 'typebox';
import type { Server } from './server.ts';

/** Collects the schemas of the routes that follow; comes before them. */
export function describeRoutes(server: Server, version: string): void {
  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Pokewire', version, description: 'Message streams, and pokes for those who subscribe to them.' },
    },
  });
}

export function routeDocs(server: Server): void {
  server.get(
    '/openapi.json',
    { schema: { summary: 'This description', tags: ['operations'], response: { 200: Type.Any() } } },
    async () => server.swagger(),
  );
}
