import { lonePage } from './lone-page.ts';

// It stands where the visitor wanted to go, and goes on to that address, so none is taken from the request.
const script = `
const form = document.querySelector('form');
const field = document.getElementById('token');
const answer = document.getElementById('answer');

// A token in the address would win over the session, and is not to stay in the history.
const here = new URL(location.href);
for (const name of ['token', 'ticket']) here.searchParams.delete(name);
history.replaceState(null, '', here);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  const problem = /^[!-~]+$/.test(token) ? await begin(token) : 'A token has no spaces, and plain letters only.';
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

// Not by reload: after a link of another site that would be without the session, too. And from another address, because one
// that differs in nothing but what stands behind the # is not loaded.
function goOn() {
  history.replaceState(null, '', form.dataset.session);
  location.replace(here);
}
`;

/** Why a visitor is to sign in. */
export type SignIn = {
  readonly root: string;
  /** As markup. */
  readonly reason: string;
  /** Whether the visitor came by a link of another site, with which the browser sends no session. */
  readonly isFromElsewhere: boolean;
};

/** Asks for a token, takes it into a session, and goes on to the page in whose place it stands. */
export function signInPage({ root, reason, isFromElsewhere }: SignIn) {
  const goOn = `
        <p>If you are signed in already: a link of another site does not bring your session along.</p>
        <button type="button" id="go-on">Go on with my session</button>`;
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
        <p id="token-help" class="quiet">The token goes into a cookie that no script can read and that ends with your browser.
          Whoever runs the server gives out tokens.</p>
        <noscript><p>Signing in needs JavaScript.</p></noscript>`;
  return lonePage({ title: 'Sign in', root, card, script });
}
