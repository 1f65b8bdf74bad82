import { element } from './element.js';

/**
 * The server's error; every failure has the form {error: {code, message, details}}. `sentence` is for display, `code` a
 * tag after it, `field` the invalid field of the request, if the server names one.
 */
export async function refusalOf(response) {
  try {
    const { error } = await response.json();
    const { code, message, details } = error;
    return { sentence: message, code: `${response.status} ${code}`, field: details?.field };
  } catch {
    return {
      sentence: 'The server refused.',
      code: `${response.status} ${response.statusText}`.trim(),
      field: undefined,
    };
  }
}

/** A refusal as the contents of an element. */
export function refusalParts({ sentence, code }) {
  return code === undefined ? [sentence] : [sentence, ' ', element('code', { className: 'tag' }, code)];
}

/** A refusal as one line of text. */
export async function serverError(response) {
  const { sentence, code } = await refusalOf(response);
  return `${sentence} (${code})`;
}

/** The sentence for a request without an answer. */
export function noAnswer() {
  return 'The server does not answer. Is it running?';
}
