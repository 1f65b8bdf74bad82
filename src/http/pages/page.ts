import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthMode } from '../../access/access.ts';
import { foreignPage, queryToken } from '../plumbing/credential.ts';
import type { Server } from '../plumbing/server.ts';
import { beginSession } from '../routes/session.ts';
import { askFirst } from './ask-first.ts';

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// A page takes nothing from elsewhere, and text never becomes markup: the browser refuses it.
const pageHeaders = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'referrer-policy': 'no-referrer',
};

/** The part of the head that all pages share. */
const commonHead = readFileSync(new URL('./common-head.html', import.meta.url), 'utf8');

/** Where a page is, and who may see it. */
export type PageOptions = {
  /** Of the page; its other files are below it. */
  readonly path: string;
  /** What is in it is read once: `page.html`, in which `<!-- common head -->` stands for the shared part, and what that names. */
  readonly folder: URL;
  readonly mode: AuthMode;
};

/** Serves a page with its files, for whoever may read, and returns the files by name. */
export function routePage(server: Server, { path, folder, mode }: PageOptions): ReadonlyMap<string, Buffer> {
  const names = readdirSync(folder).filter((name) => contentTypes[extname(name)] !== undefined);
  const files = new Map(names.map((name) => [name, readFileSync(new URL(name, folder))]));
  files.set(
    'page.html',
    Buffer.from(files.get('page.html')!.toString().replace('    <!-- common head -->\n', commonHead)),
  );
  for (const [name, content] of files) {
    const headers = { ...pageHeaders, 'content-type': contentTypes[extname(name)] };
    const url = name === 'page.html' ? path : `${path}/${name}`;
    server.get(
      url,
      { schema: { hide: true }, config: { access: 'read', takesAbsentNamespace: true } },
      (request, reply) => {
        reply.headers(headers);
        const token = mode === 'token' && name === 'page.html' ? queryToken(request) : undefined;
        return token === undefined ? reply.send(content) : beginHere(request, reply, token, path);
      },
    );
  }
  return files;
}

/** Takes the token out of the address of the page into a session, so that it is neither shown nor kept in the history. */
function beginHere(request: FastifyRequest, reply: FastifyReply, token: string, path: string): FastifyReply {
  // A link on a page of others must not make the visitor work with a token of theirs.
  const site = request.headers['sec-fetch-site'];
  if (site === undefined) return askFirst(reply);
  if (site !== 'none' && site !== 'same-origin') throw foreignPage();
  return beginSession(request, reply, token).header('cache-control', 'no-store').redirect(path.slice(1), 303);
}
