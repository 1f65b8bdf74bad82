import type { FastifyRequest } from 'fastify';
import type { AuthMode } from '../../access/access.ts';
import type { PokewireError } from '../../errors.ts';
import { cleanHtml } from '../plumbing/clean-text.ts';
import { lonePage } from './lone-page.ts';
import { signInPage } from './sign-in.ts';

/** Returns a function that renders an error page for a visitor's browser, or undefined for a program, which gets JSON. */
export function refusalPages(mode: AuthMode) {
  return (request: FastifyRequest, error: PokewireError) => {
    if (!isVisit(request)) return undefined;
    const root = rootOf(request.url);
    if (mode === 'token' && error.code.startsWith('AUTH_')) {
      const reason = error.code === 'AUTH_REQUIRED' ? 'This server requires a token.' : cleanHtml(error.message);
      const site = request.headers['sec-fetch-site'];
      return signInPage({ root, reason, isFromElsewhere: site === 'cross-site' || site === 'same-site' });
    }
    return lonePage({ ...textsOf(error), root });
  };
}

function textsOf({ code, status, message }: PokewireError): { readonly title: string; readonly card: string } {
  const title = titleOf(code, status);
  const sentence =
    code === 'NOT_FOUND' ? 'There is no page at this address. Choose one from the menu.' : cleanHtml(message);
  const card = `        <h1>${title}</h1>
        <p>${sentence}</p>
        <p class="quiet"><code class="tag">${status} ${code}</code></p>`;
  return { title, card };
}

function titleOf(code: string, status: number): string {
  if (status === 404) return code === 'NOT_FOUND' ? 'Page not found' : 'Not found';
  return status >= 500 ? 'The server could not answer' : 'The server refused';
}

/**
 * Whether a browser opened the address for a visitor, rather than a script or program. By default, Java's
 * HttpURLConnection accepts text/html too, but also image/gif, which browsers do not list.
 */
function isVisit({ method, headers }: FastifyRequest): boolean {
  const { accept = '', 'sec-fetch-dest': destination = 'document' } = headers;
  return (
    (method === 'GET' || method === 'HEAD') &&
    destination === 'document' &&
    /\btext\/html\b/i.test(accept) &&
    !/\bapplication\/json\b|\bimage\/gif\b/i.test(accept)
  );
}

/** Relative path from an address to the root, because a proxy may add a path prefix. */
function rootOf(url: string): string {
  const depth = url.split('?', 1)[0]!.split('/').length - 2;
  return '../'.repeat(Math.max(0, depth));
}
