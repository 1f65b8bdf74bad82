import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

const script = `
const button = document.querySelector('button');
button.addEventListener('click', async () => {
  const token = new URLSearchParams(location.search).get('token');
  const response = await fetch('session', { method: 'POST', headers: { authorization: 'Bearer ' + token } });
  if (response.ok) location.replace(location.pathname);
  else button.textContent = 'The server refused (' + response.status + ')';
});
`;

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pokewire: begin a session?</title>
<h1>Begin a session?</h1>
<p>The address of this page has a token. Go on if you typed it or trust whoever gave you the link: what you then write here
goes into the namespace of that token.</p>
<p>(Your browser does not say where you come from. Over https, or on localhost, it does, and you are not asked.)</p>
<button type="button">Begin a session</button>
<script>${script}</script>
`;

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy':
    `default-src 'none'; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
};

/**
 * Asks the visitor before a session begins. Over plain http from afar a browser does not say whether a link of another page
 * led here, so only a click on a page of our own shows that the visitor wants it.
 */
export function askFirst(reply: FastifyReply): FastifyReply {
  return reply.headers(headers).send(page);
}
