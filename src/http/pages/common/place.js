/** The hash that links to the shown stream or message: `#account-123` or `#account-123/41`. */
export function hashOf(stream, position) {
  const name = `#${encodeURIComponent(stream)}`;
  return position === undefined ? name : `${name}/${position}`;
}

/** The stream or message that a hash names; undefined: none. A slash in a name is encoded. */
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
