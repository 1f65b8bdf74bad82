import { element } from './element.js';

/** A command with a button that copies it. */
export function curlLine(command) {
  const code = element('code', {}, command);
  const button = element('button', { type: 'button', className: 'copy' }, 'Copy');
  button.addEventListener('click', async () => {
    button.textContent = (await copy(command, code)) ? 'Copied' : 'Selected';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1_500);
  });
  return element('div', { className: 'curl' }, code, button);
}

/** The clipboard is there on localhost and with TLS only; elsewhere the text is selected for the keyboard. */
async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(shown);
    return false;
  }
}
