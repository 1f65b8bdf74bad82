/** The administrator's token in EventoDB's suites. */
export const adminToken = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** An answer from `/rpc`, including its text. */
export type RpcAnswer = {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  readonly body: any;
  readonly headers: Headers;
};

export type RpcRequest = {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  /** Including the question mark. */
  readonly query?: string;
};

/** Sends one request to `/rpc`. Text is sent verbatim, anything else as JSON. */
export async function callRpc(url: string, body: unknown, request: RpcRequest = {}): Promise<RpcAnswer> {
  const { token, headers = {}, method = 'POST', query = '' } = request;
  const isBodyless = method === 'GET' || method === 'HEAD';
  const response = await fetch(`${url}/rpc${query}`, {
    method,
    headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(isBodyless ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
}

/** An error as raised by EventoDB's SDKs. */
export class RpcError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(status: number, error: { code: string; message: string; details?: Record<string, unknown> }) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.details = error.details;
  }
}

type Options = Readonly<Record<string, unknown>>;
// biome-ignore lint/suspicious/noExplicitAny: rows are tuples of every shape
type Row = any[];

/**
 * Behaves like EventoDB's SDK for Node: it always sends options, treats any status but 200 as a failure with a JSON
 * body, and adopts a token from an answer if it has none.
 */
export class RpcClient {
  readonly url: string;
  token: string | undefined;

  constructor(url: string, token?: string) {
    this.url = url;
    this.token = token;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  async call(method: string, ...args: unknown[]): Promise<any> {
    const answer = await callRpc(this.url, [method, ...args], {
      headers: { 'content-type': 'application/json' },
      ...(this.token === undefined ? {} : { token: this.token }),
    });
    const offered = answer.headers.get('x-eventodb-token');
    if (offered !== null) this.token ??= offered;
    if (answer.headers.get('content-type') !== 'application/json') throw new TypeError('the answer is not JSON');
    if (answer.status !== 200) throw new RpcError(answer.status, answer.body.error);
    return answer.body;
  }

  /** Sends a call and returns the answer, also an error. */
  ask(...body: unknown[]): Promise<RpcAnswer> {
    return callRpc(this.url, body, this.token === undefined ? {} : { token: this.token });
  }

  /** Sends a call that must be refused, and returns status and code. */
  async refusal(...body: unknown[]): Promise<[status: number, code: string | undefined]> {
    const { status, body: answer } = await this.ask(...body);
    return [status, answer.error?.code];
  }

  write(
    stream: string,
    message: unknown,
    options: Options = {},
  ): Promise<{ position: number; globalPosition: number }> {
    return this.call('stream.write', stream, message, options);
  }

  get(stream: string, options: Options = {}): Promise<Row[]> {
    return this.call('stream.get', stream, options);
  }

  last(stream: string, options: Options = {}): Promise<Row | null> {
    return this.call('stream.last', stream, options);
  }

  version(stream: string): Promise<number | null> {
    return this.call('stream.version', stream);
  }

  category(category: string, options: Options = {}): Promise<Row[]> {
    return this.call('category.get', category, options);
  }

  createNamespace(id: string, options: Options = {}): Promise<{ namespace: string; token: string; createdAt: string }> {
    return this.call('ns.create', id, options);
  }

  /** A new namespace and a client with its token, as the suites create for each test. */
  async tenant(id: string): Promise<RpcClient> {
    const { token } = await this.createNamespace(id);
    return new RpcClient(this.url, token);
  }
}

/** A poke as SDKs deliver it. */
export type SdkPoke = { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** Parses chunks of an event stream into pokes. */
export type SdkParser = (chunk: string) => SdkPoke[];

/** The parser of EventoDB's black-box suite: it keeps an incomplete line, but forgets the event's type between chunks. */
export function chunkParser(): SdkParser {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const pokes: SdkPoke[] = [];
    let type = '';
    let data = '';
    for (const line of lines) {
      if (line.startsWith('event:')) type = line.slice(6).trim();
      else if (line.startsWith('data:')) data = line.slice(5).trim();
      else if (line === '' && type !== '' && data !== '') {
        if (type === 'poke') pokes.push(JSON.parse(data));
        type = '';
        data = '';
      }
    }
    return pokes;
  };
}

/** The parser of the Go SDK: it knows lines that start with `data: ` and empty ones, and no types. */
export function dataLineParser(): SdkParser {
  let rest = '';
  let data = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const pokes: SdkPoke[] = [];
    for (const line of lines.map((text) => text.trim())) {
      if (line.startsWith('data: ')) data = line.slice('data: '.length);
      else if (line === '' && data !== '') {
        pokes.push(JSON.parse(data));
        data = '';
      }
    }
    return pokes;
  };
}

/** The parser of the Elixir SDK: blocks between empty lines; an empty block makes it stall forever. */
export function blockParser(): SdkParser {
  let buffer = '';
  return (chunk) => {
    buffer += chunk;
    const pokes: SdkPoke[] = [];
    for (let end = buffer.indexOf('\n\n'); end > 0; end = buffer.indexOf('\n\n')) {
      const fields = new Map(buffer.slice(0, end).split('\n').map(splitField));
      buffer = buffer.slice(end + 2);
      if (fields.get('event') === 'poke') pokes.push(JSON.parse(fields.get('data')!));
    }
    return pokes;
  };
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(': ');
  return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)];
}

/** A subscriber like the SDKs: `fetch`, its headers, and one of their parsers. Close it by `await using`. */
export class SdkSubscription implements AsyncDisposable {
  readonly pokes: SdkPoke[] = [];
  readonly response: Response;
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;
  readonly #abort: AbortController;

  static async open(url: string, query: Record<string, string>, parser: SdkParser): Promise<SdkSubscription> {
    const abort = new AbortController();
    const response = await fetch(`${url}/subscribe?${new URLSearchParams(query)}`, {
      headers: { accept: 'text/event-stream', 'cache-control': 'no-cache' },
      signal: abort.signal,
    });
    return new SdkSubscription(response, parser, abort);
  }

  private constructor(response: Response, parser: SdkParser, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.ended = this.#read(parser).catch(() => {});
  }

  async #read(parser: SdkParser): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.response.body!) this.pokes.push(...parser(decoder.decode(chunk, { stream: true })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }
}
