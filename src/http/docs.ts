import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { AuthMode } from '../access/access.ts';
import { foreignPage, queryToken } from './credential.ts';
import { completeDescription, describeText, tags } from './openapi.ts';
import type { Server } from './server.ts';
import { beginSession } from './session.ts';

/** Collects the schemas of the routes that follow; comes before them. */
export function describeRoutes(server: Server, version: string): void {
  server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pokewire',
        version,
        description: 'Message streams, and pokes for those who subscribe to them.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [...tags],
    },
    transform: describeText,
    transformObject: completeDescription,
  });
}

const pageFolder = new URL('./docs-page/', import.meta.url);

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// The page takes nothing from elsewhere, and text never becomes markup: the browser refuses it.
const pageHeaders = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

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
      config: { access: 'read' },
      schema: {
        summary: 'This description',
        description: 'The API in OpenAPI 3.1.',
        tags: ['operations'],
        response: { 200: Type.Any() },
      },
    },
    async () => server.swagger(),
  );

  server.get('/', { schema: { hide: true }, config: { access: 'none' } }, (_request, reply) => reply.redirect('/docs'));

  const names = readdirSync(pageFolder).filter((name) => contentTypes[extname(name)] !== undefined);
  const files = new Map(names.map((name) => [name, readFileSync(new URL(name, pageFolder))]));
  for (const [name, content] of files) {
    const headers = { ...pageHeaders, 'content-type': contentTypes[extname(name)] };
    const url = name === 'page.html' ? '/docs' : `/docs/${name}`;
    server.get(url, { schema: { hide: true }, config: { access: 'read' } }, (request, reply) => {
      reply.headers(headers);
      const token = mode === 'token' && name === 'page.html' ? queryToken(request) : undefined;
      return token === undefined ? reply.send(content) : beginHere(request, reply, token);
    });
  }

  const icon = { filename: 'icon.svg', content: files.get('icon.svg')!, type: 'image/svg+xml' };
  server.register(async (reference) => {
    reference.addHook('onRequest', (_request, reply, done) => {
      reply.header('referrer-policy', 'no-referrer');
      done();
    });
    reference.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'read' };
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

/** Takes the token out of the address of the page into a session, so that it is neither shown nor kept in the history. */
function beginHere(request: FastifyRequest, reply: FastifyReply, token: string): FastifyReply {
  // A link on a page of others must not make the visitor work with a token of theirs.
  if (['cross-site', 'same-site'].includes(String(request.headers['sec-fetch-site']))) throw foreignPage();
  return beginSession(request, reply, token).header('cache-control', 'no-store').redirect('docs', 303);
}
