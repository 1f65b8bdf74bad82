/** A strictly parsed answer: anything that RFC 9112 forbids throws {@link BrokenAnswer}. Header names are in lower case. */
export type HttpResponse = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
};

/** Bytes that are not a valid answer. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer';
}

type Head = Pick<HttpResponse, 'status' | 'headers'> & {
  /** Length of the body; 'rest': it ends with the connection. */
  readonly length: number | 'chunked' | 'rest';
};

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const single = ['content-length', 'content-type', 'transfer-encoding', 'location', 'server', 'x-request-id'];
const maxHeadBytes = 65_536;

/** Parses the answers on one connection, in pieces of any size. */
export class ResponseParser {
  /** Whether the request with this index is HEAD, so that its answer has no body. */
  readonly #isHead: (index: number) => boolean;
  #rest: Buffer = Buffer.alloc(0);
  #head: Head | undefined = undefined;
  #chunks: Buffer[] = [];
  #index = 0;

  constructor(isHead: (index: number) => boolean = () => false) {
    this.#isHead = isHead;
  }

  /** Whether an answer has started but not ended. */
  get isMidway(): boolean {
    return this.#head !== undefined || this.#rest.length > 0;
  }

  /** Takes a piece, and returns the answers that it completes. */
  push(bytes: Buffer): HttpResponse[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const complete: HttpResponse[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      // Skips 100 Continue, which precedes the answer.
      if (next.status >= 200) complete.push(next);
    }
    return complete;
  }

  /** The connection has ended: returns the answer that ends with it. An answer that was cut off stays incomplete. */
  end(): HttpResponse | undefined {
    return this.#head?.length === 'rest' ? this.#complete(this.#rest.length) : undefined;
  }

  #take(): HttpResponse | undefined {
    if (this.#head === undefined) this.#head = this.#takeHead();
    if (this.#head === undefined || this.#head.length === 'rest') return undefined;
    if (this.#head.length === 'chunked') return this.#takeChunks();
    return this.#rest.length < this.#head.length ? undefined : this.#complete(this.#head.length);
  }

  #complete(length: number): HttpResponse {
    const { status, headers } = this.#head!;
    const body = Buffer.concat([...this.#chunks, this.#rest.subarray(0, length)]);
    this.#rest = this.#rest.subarray(length);
    this.#head = undefined;
    this.#chunks = [];
    if (status >= 200) this.#index++;
    return { status, headers, body };
  }

  #takeHead(): Head | undefined {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end === -1) {
      const start = this.#rest.toString('latin1', 0, 9);
      if (!'HTTP/1.1 '.startsWith(start)) throw new BrokenAnswer(`no answer begins with ${JSON.stringify(start)}`);
      if (this.#rest.length > maxHeadBytes) throw new BrokenAnswer('the head does not end');
      return undefined;
    }
    const [statusLine = '', ...lines] = this.#rest.toString('latin1', 0, end).split('\r\n');
    this.#rest = this.#rest.subarray(end + 4);
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\t\x20-\x7e]*$/.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new BrokenAnswer(`no status line: ${JSON.stringify(statusLine)}`);
    const headers = parseHeaders(lines);
    // The parser's refusals have no `server` header, because they happen before there is a method.
    return { status, headers, length: lengthOf(status, headers, this.#isHead(this.#index) && headers.has('server')) };
  }

  #takeChunks(): HttpResponse | undefined {
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end === -1) return undefined;
      const size = this.#rest.toString('latin1', 0, end);
      if (!/^[0-9a-fA-F]+$/.test(size)) throw new BrokenAnswer(`no chunk size: ${JSON.stringify(size.slice(0, 64))}`);
      const start = end + 2;
      const length = Number.parseInt(size, 16);
      if (this.#rest.length < start + length + 2) return undefined;
      if (this.#rest.toString('latin1', start + length, start + length + 2) !== '\r\n') {
        throw new BrokenAnswer('a chunk does not end where it says');
      }
      if (length > 0) this.#chunks.push(Buffer.from(this.#rest.subarray(start, start + length)));
      this.#rest = this.#rest.subarray(start + length + 2);
      if (length === 0) return this.#complete(0);
    }
  }
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!token.test(name) || !fieldValue.test(value)) throw new BrokenAnswer(`no header: ${JSON.stringify(line)}`);
    if (headers.has(name) && single.includes(name)) throw new BrokenAnswer(`more than one ${name}`);
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  return headers;
}

function lengthOf(status: number, headers: ReadonlyMap<string, string>, isHead: boolean): Head['length'] {
  const length = headers.get('content-length');
  const coding = headers.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) throw new BrokenAnswer('it has a length and a transfer coding');
  if (isHead || status < 200 || status === 204 || status === 304) return 0;
  if (coding !== undefined) {
    if (coding !== 'chunked') throw new BrokenAnswer(`the transfer coding is ${coding}`);
    return 'chunked';
  }
  if (length === undefined) return 'rest';
  if (!/^\d{1,15}$/.test(length)) throw new BrokenAnswer(`no length: ${length}`);
  return Number(length);
}
