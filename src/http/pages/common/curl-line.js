import { byId, element } from './element.js';

/** A curl command for a URL. If the server requires tokens, it sends the one in the shell's variable `TOKEN`, as at the start of the server. */
export function curlCommand(url, options = []) {
  const credential = byId('sign-out') === null ? [] : ['-H "authorization: Bearer $TOKEN"'];
  // The URL comes first, because a line may be too narrow for more.
  return ['curl', ...options, `'${url}'`, ...credential].join(' ');
}

/** A command with a copy button. */
export function curlLine(command) {
  const code = element('code', { title: command }, command);
  const button = element('button', { type: 'button', className: 'copy' }, 'Copy');
  button.addEventListener('click', () => copyText(button, code));
  return element('div', { className: 'curl' }, code, button);
}

/** Copies the text of an element and confirms that on the button for a moment. */
export async function copyText(button, shown) {
  button.dataset.name ??= button.textContent;
  button.textContent = (await copy(shown)) ? 'Copied' : 'Selected';
  setTimeout(() => {
    button.textContent = button.dataset.name;
  }, 1_500);
}

/** The clipboard is available only on localhost and with TLS; elsewhere the text is selected for copying by keyboard. */
async function copy(shown) {
  try {
    await navigator.clipboard.writeText(shown.textContent);
    return true;
  } catch {
    shown.closest('details')?.setAttribute('open', '');
    getSelection().selectAllChildren(shown);
    return false;
  }
}
