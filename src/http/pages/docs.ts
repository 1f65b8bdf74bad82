import swagger from '@fastify/swagger';
import { Type } from 'typebox';
import type { AuthMode } from '../../access/access.ts';
import { completeDescription, describeRoute, tags } from '../plumbing/openapi.ts';
import { components } from '../plumbing/openapi-components.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** Collects the schemas of routes added later, so it must come before them. */
export function describeRoutes(server: Server, version: string): void {
  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pokewire',
        version,
        description: 'Message streams, with pokes for their subscribers.',
        contact: { name: 'Pokewire' },
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: { securitySchemes: components.securitySchemes },
      tags: [...tags],
    },
    transform: describeRoute,
    transformObject: completeDescription,
  });
}

/**
 * Adds the page to try Pokewire, the reference, and the API description. Call after the routes that are to be
 * described.
 */
export function routeDocs(server: Server, mode: AuthMode): void {
  server.get(
    '/openapi.json',
    {
      config: { access: 'read', takesAbsentNamespace: true },
      schema: {
        operationId: 'describeApi',
        summary: 'This description',
        description: 'The API in OpenAPI 3.1.',
        tags: ['operations'],
        response: { 200: Type.Any() },
      },
    },
    async () => server.swagger(),
  );

  // Relative, because a proxy may serve the server below a path.
  server.get('/', { schema: { hide: true }, config: { access: 'none' } }, (_request, reply) => reply.redirect('docs'));

  routePage(server, {
    path: '/docs',
    title: 'Pokewire',
    description: 'Try Pokewire: subscribe, append a message, and see the poke arrive.',
    folder: new URL('./docs-page/', import.meta.url),
    styles: ['bench', 'pokes', 'poke-list', 'message'],
    mode,
  });

  routePage(server, {
    path: '/reference',
    title: 'API reference – Pokewire',
    description: 'Every operation of this server: parameters, answers, and the request in four languages.',
    folder: new URL('./reference-page/', import.meta.url),
    styles: ['layout', 'operation'],
    mode,
  });
}
