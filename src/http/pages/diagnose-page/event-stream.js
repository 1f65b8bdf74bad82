/**
 * Reads an event stream to its end, and records when each comment and event arrived, in milliseconds since the request.
 * An EventSource would hide comments, headers, and which events arrived together. `heard` is called for each.
 * `lastByteMs` is when the last data arrived, or else the head. `refusalOf` turns any other answer into a sentence.
 */
export async function readEventStream(
  url,
  { signal, refusalOf, heard = () => {}, accept = 'text/event-stream', headers = {} },
) {
  const startMs = performance.now();
  const response = await fetch(url, { headers: { ...headers, accept }, cache: 'no-store', signal });
  if (!response.ok) throw Object.assign(new Error(await refusalOf(response)), { status: response.status });
  const type = response.headers.get('content-type') ?? 'no type';
  if (!type.startsWith('text/event-stream')) {
    await response.body?.cancel();
    throw new Error(`Something answered ${url.split('?')[0]} with ${type} instead of an event stream.`);
  }
  const lastByteMs = performance.now() - startMs;
  const stream = { headers: namedHeaders(response), blocks: [], lastByteMs, endMs: undefined };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let data;
  try {
    for (let piece = 0; ; piece++) {
      const { done, value } = await reader.read();
      if (done) break;
      const atMs = performance.now() - startMs;
      stream.lastByteMs = atMs;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith('data:')) data = JSON.parse(line.slice('data:'.length));
        const block = line.startsWith(':')
          ? { comment: line }
          : line === '' && data !== undefined
            ? { data }
            : undefined;
        if (block === undefined) continue;
        if (block.data !== undefined) data = undefined;
        stream.blocks.push({ ...block, piece, atMs });
        heard({ ...block, piece, atMs });
      }
    }
  } catch (error) {
    // A cut connection is an error of the chunked body, or a regular end if a proxy removed the chunk framing.
    if (signal.aborted) throw error;
  }
  stream.endMs = performance.now() - startMs;
  return stream;
}

function namedHeaders({ headers }) {
  const names = ['server', 'via', 'content-encoding', 'x-cache', 'cf-ray'];
  return Object.fromEntries(names.map((name) => [name, headers.get(name)]).filter(([, value]) => value !== null));
}
