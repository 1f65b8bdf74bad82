/** The hash for what the page shows, so that it can be linked to: `#account-123` or `#account-123/41`. */
export function hashOf(stream, position) {
  const name = `#${encodeURIComponent(stream)}`;
  return position === undefined ? name : `${name}/${position}`;
}

/** What a hash names; undefined: nothing. A slash in a name is encoded. */
export function placeOf(hash) {
  const [name, position = ''] = hash.slice(1).split('/');
  try {
    const stream = decodeURIComponent(name);
    if (stream === '') return undefined;
    return { stream, position: /^\d{1,16}$/.test(position) ? Number(position) : undefined };
  } catch {
    return undefined;
  }
}

/** Encodes a name for a path. The apostrophe is valid in a path, but would end a shell's quotes. */
export function pathPart(name) {
  return encodeURIComponent(name).replaceAll("'", '%27');
}
