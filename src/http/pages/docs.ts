import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { Type } from 'typebox';
import type { AuthMode } from '../../access/access.ts';
import { completeDescription, describeRoute, tags } from '../plumbing/openapi.ts';
import { components } from '../plumbing/openapi-components.ts';
import type { Server } from '../plumbing/server.ts';
import { icon as iconFile } from './common.ts';
import { routePage } from './page.ts';

/** Collects the schemas of the routes that follow; comes before them. */
export function describeRoutes(server: Server, version: string): void {
  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pokewire',
        version,
        description: 'Message streams, and pokes for those who subscribe to them.',
        contact: { name: 'Pokewire' },
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'This server' }],
      components: { securitySchemes: components.securitySchemes },
      tags: [...tags],
    },
    transform: describeRoute,
    transformObject: completeDescription,
  });
}

const pageFolder = new URL('./docs-page/', import.meta.url);

// Swagger UI styles its elements by attributes and draws its icons from data URLs.
const referencePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Swagger UI has dark colours, but does not ask which ones the visitor wants.
const darkWhereWanted =
  "document.documentElement.classList.toggle('dark-mode', matchMedia('(prefers-color-scheme: dark)').matches);";

/** The page to try Pokewire, the full reference, and what both are made from. Comes after the routes it tells of. */
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

  server.get('/', { schema: { hide: true }, config: { access: 'none' } }, (_request, reply) => reply.redirect('/docs'));

  routePage(server, { path: '/docs', folder: pageFolder, mode });
  const icon = { filename: 'icon.svg', content: iconFile, type: 'image/svg+xml' };
  server.register(async (reference) => {
    reference.addHook('onRequest', (_request, reply, done) => {
      // The same for everybody, so it may be kept, and asked about again.
      reply.headers({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' });
      done();
    });
    reference.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'read', takesAbsentNamespace: true };
    });
    await reference.register(swaggerUi, {
      routePrefix: '/docs/reference',
      staticCSP: referencePolicy,
      logo: icon,
      theme: {
        title: 'Pokewire API',
        favicon: [{ ...icon, rel: 'icon', sizes: 'any' }],
        js: [{ filename: 'dark.js', content: darkWhereWanted }],
      },
      uiConfig: { layout: 'BaseLayout', docExpansion: 'list' },
    });
  });
}
