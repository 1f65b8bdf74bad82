/** What the server answered instead, as the sentence for a person: every failure has the shape {error: {code, message}}. */
export async function serverError(response) {
  try {
    const { error } = await response.json();
    return `${response.status} ${error.code}: ${error.message}`;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}

/** The sentence for a request that got no answer. */
export function noAnswer() {
  return 'The server does not answer. Is it running?';
}
