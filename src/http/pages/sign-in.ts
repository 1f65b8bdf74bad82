import { lonePage } from './lone-page.ts';

// The page is shown at the address that the visitor wanted, and continues there, so no target is taken from the request.
const script = `
const form = document.querySelector('form');
const field = document.getElementById('token');
const answer = document.getElementById('answer');

// A token in the address would override the session, and must not stay in the history.
const here = new URL(location.href);
for (const name of ['token', 'ticket']) here.searchParams.delete(name);
history.replaceState(null, '', here);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  const problem = /^[!-~]+$/.test(token) ? await begin(token) : 'A token has no spaces and only ASCII characters.';
  if (problem === undefined) return goOn();
  answer.textContent = problem;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
  field.select();
});

document.getElementById('go-on')?.addEventListener('click', goOn);

async function begin(token) {
  try {
    const response = await fetch(form.dataset.session, { method: 'POST', headers: { authorization: 'Bearer ' + token } });
    return response.ok ? undefined : (await response.json()).error.message;
  } catch {
    return 'The server does not answer. Is it running?';
  }
}

// A reload would not work: after a link from another site, it would lack the session too. Also, a browser does not load
// an address that differs only after the #.
function goOn() {
  history.replaceState(null, '', form.dataset.session);
  location.replace(here);
}
`;

/** Why a visitor must sign in. */
export type SignIn = {
  readonly root: string;
  /** As markup. */
  readonly reason: string;
  /** Whether the visitor followed a link from another site, with which the browser sends no session. */
  readonly isFromElsewhere: boolean;
};

/** Asks for a token, stores it in a session, and continues to the page that the visitor wanted. */
export function signInPage({ root, reason, isFromElsewhere }: SignIn) {
  const goOn = `
        <p>If you have already signed in, continue with that session. It is not used when you follow a link from another
          site.</p>
        <button type="button" id="go-on">Continue with my session</button>`;
  const card = `        <h1>Sign in</h1>
        <p>${reason}</p>${isFromElsewhere ? goOn : ''}
        <form data-session="${root}session">
          <div>
            <label for="token">Token</label>
            <input id="token" type="password" class="code" autocomplete="current-password" spellcheck="false" required
              autofocus aria-describedby="answer token-help">
          </div>
          <p id="answer" class="answer refused" role="alert"></p>
          <button type="submit" class="primary">Sign in</button>
        </form>
        <p id="token-help" class="quiet">The token is kept in a cookie that scripts cannot read and that is deleted when you close the
          browser. Ask the operator of this server for a token.</p>
        <noscript><p>Signing in needs JavaScript.</p></noscript>`;
  return lonePage({ title: 'Sign in', root, card, script });
}
