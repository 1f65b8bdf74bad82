import { serverError } from '../../docs/server-error.js';

/**
 * Reads an event stream to its end and notes when each block arrived, in milliseconds since the request. An EventSource
 * would tell neither comments nor headers, nor which blocks came together. `heard` is called with each block.
 */
export async function readEventStream(url, { signal, heard = () => {} }) {
  const startMs = performance.now();
  const response = await fetch(url, { headers: { accept: 'text/event-stream' }, cache: 'no-store', signal });
  if (!response.ok) throw Object.assign(new Error(await serverError(response)), { status: response.status });
  const stream = { headers: namedHeaders(response), headMs: performance.now() - startMs, blocks: [], endMs: undefined };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (let piece = 0; ; piece++) {
      const { done, value } = await reader.read();
      if (done) break;
      const atMs = performance.now() - startMs;
      const texts = (rest + value).split('\n\n');
      rest = texts.pop();
      for (const text of texts) {
        const block = { ...parsed(text), piece, atMs };
        stream.blocks.push(block);
        heard(block);
      }
    }
  } catch (error) {
    // Whoever cuts a stream of chunks leaves an error, whoever cuts another one leaves an end.
    if (signal.aborted) throw error;
  }
  stream.endMs = performance.now() - startMs;
  return stream;
}

function parsed(text) {
  const lines = text.split('\n');
  const data = lines.find((line) => line.startsWith('data:'))?.slice('data:'.length);
  return data === undefined ? { comment: text } : { data: JSON.parse(data) };
}

function namedHeaders({ headers }) {
  const names = ['server', 'via', 'content-encoding', 'x-cache', 'cf-ray'];
  return Object.fromEntries(names.map((name) => [name, headers.get(name)]).filter(([, value]) => value !== null));
}
