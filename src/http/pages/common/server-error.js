import { element } from './element.js';

/**
 * What the server answered instead; every failure has the shape {error: {code, message, details}}. `sentence` is for a person,
 * `code` a tag behind it, `field` the field of the request that is wrong, where the server names one.
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

/** The sentence for a request that got no answer. */
export function noAnswer() {
  return 'The server does not answer. Is it running?';
}
