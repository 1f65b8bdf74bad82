import { byId } from './element.js';

/** Notifies the other tabs, which share the session. */
const tabs = new BroadcastChannel('pokewire session');

// The server then shows the sign-in card. Open streams end with the page.
const leave = () => location.reload();
tabs.addEventListener('message', leave);

byId('sign-out').addEventListener('click', async ({ target }) => {
  const response = await fetch('session', { method: 'DELETE' }).catch(() => undefined);
  if (!response?.ok) {
    target.textContent = 'No answer. Try again';
    return;
  }
  tabs.postMessage('signed out');
  leave();
});
