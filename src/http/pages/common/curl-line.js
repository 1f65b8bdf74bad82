import { element } from './element.js';

/** A command with a button that copies it. */
export function curlLine(command) {
  const code = element('code', { title: command }, command);
  const button = element('button', { type: 'button', className: 'copy' }, 'Copy');
  button.addEventListener('click', () => copyText(button, code));
  return element('div', { className: 'curl' }, code, button);
}

/** Copies the text of an element and says so on the button, which then has its name back. */
export async function copyText(button, shown) {
  button.dataset.name ??= button.textContent;
  button.textContent = (await copy(shown)) ? 'Copied' : 'Selected';
  setTimeout(() => {
    button.textContent = button.dataset.name;
  }, 1_500);
}

/** The clipboard is there on localhost and with TLS only; elsewhere the text is selected for the keyboard. */
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
