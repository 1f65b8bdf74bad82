import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuthMode } from '../../access/access.ts';
import { PokewireError } from '../../errors.ts';
import { queryToken } from '../plumbing/credential.ts';
import type { Server } from '../plumbing/server.ts';
import { beginSession } from '../routes/session.ts';
import { askFirst } from './ask-first.ts';
import { documentOf } from './document.ts';
import { headerOf } from './header.ts';
import { headersOf, readFiles, routeFiles } from './page-files.ts';

/** Location, texts and access of a page. */
export type PageOptions = {
  /** Path of the page; its other files are below it. */
  readonly path: string;
  readonly title: string;
  /** A sentence for search engines and link previews. */
  readonly description: string;
  /** Contains `main.html`, the contents of `<main>`, the script `page.js`, and the files they reference. Read once. */
  readonly folder: URL;
  /** Names of the style sheets in the folder, in cascade order. */
  readonly styles: readonly string[];
  readonly mode: AuthMode;
};

/** Serves a page with its files to clients with scope read. */
export function routePage(server: Server, options: PageOptions): void {
  const { path, folder, mode } = options;
  const files = readFiles(folder);
  const page = Buffer.from(pageOf(options, files.get('main.html')!.toString()));
  files.delete('main.html');
  routeFiles(server, path, files);
  // After signing out, Back must ask for a token instead of showing a cached page.
  const headers = { ...headersOf('main.html'), ...(mode === 'token' && { 'cache-control': 'no-store' }) };
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

/** The document of a page. Its links are relative, because a proxy may serve it below a path. */
function pageOf({ path, title, description, styles, mode }: PageOptions, main: string): string {
  const below = path.slice(1);
  const hasSession = mode === 'token';
  const links = styles.map((name) => `    <link rel="stylesheet" href="${below}/${name}.css">\n`);
  const scripts = [...(hasSession ? ['common/sign-out.js'] : []), `${below}/page.js`];
  return documentOf({
    title,
    head: `    <meta name="description" content="${description}">
    <link rel="icon" type="image/svg+xml" href="common/icon.svg">
    <link rel="stylesheet" href="common/common.css">
${links.join('')}${scripts.map((file) => `    <script type="module" src="${file}"></script>\n`).join('')}`,
    body: `${headerOf({ current: path, hasSession })}
    <main id="main" tabindex="-1">
${main}    </main>
    <noscript><p class="lead">This page needs JavaScript. The API is described in openapi.json.</p></noscript>
`,
  });
}

/** Moves the token from the page's address into a session, so that it is neither shared nor kept in the history. */
function beginHere(request: FastifyRequest, reply: FastifyReply, token: string, path: string): FastifyReply {
  // A link on another site must not sign the visitor in with the attacker's token.
  const site = request.headers['sec-fetch-site'];
  if (site === undefined) return askFirst(reply);
  if (site !== 'none' && site !== 'same-origin') {
    throw new PokewireError('AUTH_UNAUTHORIZED', 'A page of another site gave this token, so it is not used.');
  }
  return beginSession(request, reply, token).redirect(path.slice(1), 303);
}
