import type { FastifyReply } from 'fastify';
import { lonePage } from './lone-page.ts';

const script = `
const button = document.querySelector('button');
button.addEventListener('click', async () => {
  const token = new URLSearchParams(location.search).get('token');
  const response = await fetch('session', { method: 'POST', headers: { authorization: 'Bearer ' + token } });
  if (response.ok) location.replace(location.pathname);
  else button.textContent = 'The server refused (' + response.status + ')';
});
`;

const card = `        <h1>Begin a session?</h1>
        <p>The address of this page has a token. Go on if you typed it or trust whoever gave you the link: what you then write
          here goes into the namespace of that token.</p>
        <p class="quiet">Your browser does not say where you come from. Over https, or on localhost, it does, and you are not
          asked.</p>
        <button type="button" class="primary">Begin a session</button>`;

const { headers, html } = lonePage({ title: 'Begin a session?', root: '', card, script });

/**
 * Asks the visitor before a session starts. Over plain http, except to localhost, browsers do not report whether a link
 * on another site led here, so only a click on one of our pages shows that the visitor wants it.
 */
export function askFirst(reply: FastifyReply): FastifyReply {
  return reply.headers(headers).send(html);
}
