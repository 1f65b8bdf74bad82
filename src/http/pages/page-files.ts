import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Server } from '../plumbing/server.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// A page loads nothing from other origins, and the browser refuses to parse text as markup.
const pageHeaders = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'referrer-policy': 'no-referrer',
};

/** Response headers of a page's file. */
export function headersOf(name: string): Readonly<Record<string, string>> {
  return { ...pageHeaders, 'content-type': contentTypes[extname(name)]! };
}

/** Reads a folder's files with known content types, by name. */
export function readFiles(folder: URL): Map<string, Buffer> {
  const names = readdirSync(folder).filter((name) => contentTypes[extname(name)] !== undefined);
  return new Map(names.map((name) => [name, readFileSync(new URL(name, folder))]));
}

/** Serves files below a path to clients with scope read. */
export function routeFiles(server: Server, path: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [name, content] of files) {
    const headers = headersOf(name);
    server.get(
      `${path}/${name}`,
      { schema: { hide: true }, config: { access: 'read', takesAbsentNamespace: true } },
      (_request, reply) => reply.headers(headers).send(content),
    );
  }
}
