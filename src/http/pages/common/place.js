/** Names what the page shows in its address, so that it can be linked to: `#account-123` or `#account-123/41`. */
export function hashOf(stream, position) {
  const name = `#${encodeURIComponent(stream)}`;
  return position === undefined ? name : `${name}/${position}`;
}

/** What a hash names; undefined: nothing. Names have no slash in it, because it is encoded. */
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

/** A name within a path. The apostrophe, which a path may have, would end the quotes of a shell. */
export function pathPart(name) {
  return encodeURIComponent(name).replaceAll("'", '%27');
}
