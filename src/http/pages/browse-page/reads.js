import { elementsOf, membersOf } from '../common/json-text.js';
import { pathPart } from '../common/place.js';
import { noAnswer, serverError } from '../common/server-error.js';

/** Messages per page. */
export const pageSize = 50;

/** Entries per page of a list. */
const listSize = 50;

/** Characters of data shown in a row. */
const previewLength = 160;

/** A refusal, or a missing answer, as a sentence. */
export class ReadError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** A page of streams whose names start with `prefix`: `{streams, cursor}`. */
export async function listStreams(prefix, cursor, signal) {
  return JSON.parse(await get('streams', { prefix, cursor, limit: listSize }, signal));
}

/** A page of categories: `{categories, cursor}`. */
export async function listCategories(cursor, signal) {
  return JSON.parse(await get('categories', { cursor, limit: listSize }, signal));
}

/** The summary of a stream; undefined: it does not exist. */
export async function describeStream(stream, signal) {
  try {
    return JSON.parse(await get(`streams/${pathPart(stream)}`, {}, signal));
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

/** Up to `count` messages of a stream, starting at a position, ascending. */
export async function readUp(stream, position, count, signal) {
  const path = `streams/${pathPart(stream)}/messages`;
  const text = await get(path, { position, batchSize: count }, signal);
  return elementsOf(text).map(messageOf);
}

/** Up to a page of messages at or before `upTo`, newest first. */
export async function readDown(stream, upTo, signal) {
  const from = Math.max(0, upTo - pageSize + 1);
  const found = await readUp(stream, from, pageSize, signal);
  const page = found.filter(({ position }) => position <= upTo).toReversed();
  if (page.length > 0 || from === 0) return page;
  // Imports, retention and erasure leave gaps of any length.
  const last = await lastBefore(stream, from, signal);
  return last === undefined ? [] : readDown(stream, last, signal);
}

/**
 * The highest position below `before` that has a message, by bisection, because the API only finds the first message
 * from a position on.
 */
async function lastBefore(stream, before, signal) {
  const firstFrom = async (position) => (await readUp(stream, position, 1, signal))[0]?.position ?? before;
  let low = await firstFrom(0);
  if (low >= before) return undefined;
  let high = before;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const found = await firstFrom(middle);
    if (found < high) low = found;
    else high = middle;
  }
  return low;
}

/** The full text of one message; undefined: it no longer exists. */
export async function readText(stream, position) {
  const text = await get(`streams/${pathPart(stream)}/messages`, { position, batchSize: 1 });
  const [found] = elementsOf(text);
  return found !== undefined && messageOf(found).position === position ? found : undefined;
}

/** The text of a message's row. The payload is read when the row is opened, to limit memory. */
function messageOf(text) {
  const { position, globalPosition, type, time, data } = membersOf(text);
  return {
    position: Number(position),
    globalPosition: Number(globalPosition),
    type: JSON.parse(type),
    time: JSON.parse(time),
    preview: data.slice(0, previewLength),
  };
}

async function get(path, query, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(given)}`, { signal });
    if (response.ok) return await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ReadError(noAnswer());
  }
  throw new ReadError(await serverError(response), response.status);
}
