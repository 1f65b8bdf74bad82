import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthMode } from '../../access/access.ts';
import { PokewireError } from '../../errors.ts';
import { queryToken } from '../plumbing/credential.ts';
import type { Server } from '../plumbing/server.ts';
import { beginSession } from '../routes/session.ts';
import { askFirst } from './ask-first.ts';
import { commonHead } from './common.ts';
import { headerOf } from './header.ts';
import { headersOf, readFiles, routeFiles } from './page-files.ts';

/** Location and access of a page. */
export type PageOptions = {
  /** Path of the page; its other files are below it. */
  readonly path: string;
  /**
   * Contains `page.html` and the files it references, read once. `<!-- common head -->` is replaced by the shared part
   * of the head (style, icon), `<!-- header -->` by the header, whose first link leads to `<main id="main"
   * tabindex="-1">`.
   */
  readonly folder: URL;
  readonly mode: AuthMode;
};

/** Serves a page with its files to clients with scope read. */
export function routePage(server: Server, { path, folder, mode }: PageOptions): void {
  const files = readFiles(folder);
  const page = Buffer.from(
    files
      .get('page.html')!
      .toString()
      .replace('    <!-- common head -->\n', () => commonHead)
      .replace('    <!-- header -->\n', () => headerOf(path)),
  );
  files.delete('page.html');
  routeFiles(server, path, files);
  const headers = headersOf('page.html');
  server.get(
    path,
    { schema: { hide: true }, config: { access: 'read', takesAbsentNamespace: true } },
    (request, reply) => {
      reply.headers(headers);
      const token = mode === 'token' ? queryToken(request) : undefined;
      return token === undefined ? reply.send(page) : beginHere(request, reply, token, path);
    },
  );
}

/** Moves the token from the page's address into a session, so that it is neither shared nor kept in the history. */
function beginHere(request: FastifyRequest, reply: FastifyReply, token: string, path: string): FastifyReply {
  // A link on another site must not sign the visitor in with the attacker's token.
  const site = request.headers['sec-fetch-site'];
  if (site === undefined) return askFirst(reply);
  if (site !== 'none' && site !== 'same-origin') {
    throw new PokewireError('AUTH_UNAUTHORIZED', 'A page of another site gave this token, so it is not used.');
  }
  return beginSession(request, reply, token).header('cache-control', 'no-store').redirect(path.slice(1), 303);
}
