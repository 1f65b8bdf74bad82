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

const card = `        <h1>Start a session?</h1>
        <p>The address of this page contains a token. Continue only if you typed the address or trust the person who gave you
          the link: everything you write on these pages then goes into the token’s namespace.</p>
        <p class="quiet">Over plain HTTP, your browser does not report whether a link on another site led here. Over HTTPS, or
          on localhost, it does, and this question is not needed.</p>
        <button type="button" class="primary">Start a session</button>`;

const { headers, html } = lonePage({ title: 'Start a session?', root: '', card, script });

/**
 * Asks the visitor before a session starts. Over plain http, except to localhost, browsers do not report whether a link
 * on another site led here, so only a click on one of our pages shows that the visitor wants it.
 */
export function askFirst(reply: FastifyReply): FastifyReply {
  return reply.headers(headers).send(html);
}
