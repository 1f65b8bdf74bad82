import { largeObjects, lengthened, respelled } from './large-json.ts';

/** A request that costs the server as much as its bytes allow. */
export type SlowRequest = {
  readonly title: string;
  /** Shape of its JSON, from {@link largeObjects}; undefined: it is expensive for another reason. */
  readonly shape?: string;
  /** Messages that must be stored before: one of {@link stores}. */
  readonly store?: keyof typeof stores;
  /** Returns a new request on each call, with unused ids and positions. */
  readonly make: (serial: number) => HttpRequest | Retry;
};

/** `before` is sent before the measurement. */
export type Retry = { readonly before: HttpRequest; readonly request: HttpRequest };

export type HttpRequest = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string };

/** The body limit minus the envelope around an object. */
const bytes = 1_048_576 - 256;

const id = (index: number) => `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;

const record = (index: number, stream: string, gpos = index) =>
  `{"id":"${id(index)}","stream":"${stream}","type":"T","pos":0,"gpos":${gpos},"data":{},"meta":{"correlationStreamName":"other-1"},"time":"2026-01-01T00:00:00Z"}\n`;

/** Bodies of `POST /import`, by the resulting store. Positions continue from store to store. */
export const stores = {
  'one stream of 300,000 messages': () =>
    Array.from(
      { length: 300_000 },
      (_, index) =>
        `{"id":"${id(index + 1)}","stream":"long-1","type":"T","pos":${index},"gpos":${2 * index + 2_000_000},"data":{},"meta":{"correlationStreamName":"other-1"},"time":"2026-01-01T00:00:00Z"}\n`,
    ),
  '200,000 categories': () =>
    Array.from({ length: 200_000 }, (_, index) => record(index + 1_000_000, `c${index}-1`, index + 5_000_000)),
  '200,000 streams of one category': () =>
    Array.from({ length: 200_000 }, (_, index) => record(index + 2_000_000, `many-${index}`, index + 6_000_000)),
} as const;

const post = (path: string, body: string): HttpRequest => ({ method: 'POST', path, body });
const get = (path: string): HttpRequest => ({ method: 'GET', path });
const rpc = (...call: unknown[]): HttpRequest => post('/rpc', JSON.stringify(call));

const append = (body: string) => post('/streams/shape-1/messages', body);

const ofShapes: Readonly<Record<string, (data: string, serial: number) => HttpRequest | Retry>> = {
  append: (data) => append(`{"type":"T","data":${data}}`),
  'append with metadata': (data) => append(`{"type":"T","data":{},"metadata":${data}}`),
  'append with an unknown member': (data) => append(`{"x":${data}}`),
  'append with an id': (data) => append(`{"id":${data},"type":"T","data":{}}`),
  'append of the object itself': append,
  'append that breaks off behind it': (data) => append(`{"type":"T","data":${data}`),
  'stream.write': (data) => post('/rpc', `["stream.write","shape-1",{"type":"T","data":${data}}]`),
  'stream.write with options': (data) => post('/rpc', `["stream.write","shape-1",{"type":"T","data":{}},${data}]`),
  'category.get with a consumer group': (data) => post('/rpc', `["category.get","shape",{"consumerGroup":${data}}]`),
  'ns.create with metadata': (data) => post('/rpc', `["ns.create","default",{"metadata":${data}}]`),
  '/rpc': (data) => post('/rpc', `[${data.slice(1, -1).replaceAll(/"[^"]*":/g, '')}]`),
  ticket: (data) => post('/subscribe/ticket', data),
  'import of one bad record': (data) => post('/import', `{"id":"x","data":${data}}`),
  'import of one record': (data, serial) =>
    post(
      '/import',
      `{"id":"x${serial}","stream":"x${serial}-1","type":"T","pos":0,"gpos":${farther(serial)},"data":${data},"time":"2026-01-01T00:00:00Z"}`,
    ),
  'retry in another spelling': (data, serial) => retry(serial, data, respelled(data)),
  'retry with one member more': (data, serial) => retry(serial, data, lengthened(data)),
  'repeated import in another spelling': (data, serial) => {
    const record = (text: string) =>
      post(
        '/import',
        `{"id":"x${serial}","stream":"x${serial}-1","type":"T","pos":0,"gpos":${farther(serial)},"data":${text},"time":"2026-01-01T00:00:00Z"}`,
      );
    return { before: record(data), request: record(respelled(data)) };
  },
};

const shaped = Object.entries(largeObjects).flatMap(([shape, object]) => {
  let made: string | undefined;
  const data = () => {
    made ??= object(bytes);
    return made;
  };
  return Object.entries(ofShapes).map(
    ([what, request]): SlowRequest => ({
      title: `${what}: ${shape}`,
      shape,
      make: (serial) => request(data(), serial),
    }),
  );
});

/** Far after everything appended before. */
function farther(serial: number): number {
  return 1_000_000_000 + serial * 1_000_000;
}

function retry(serial: number, first: string, second: string): Retry {
  const message = (data: string) =>
    post(`/streams/retry-${serial}/messages`, `{"id":"${id(serial)}","type":"T","data":${data}}`);
  return { before: message(first), request: message(second) };
}

/** An append of many messages, with ids unique to the serial number. */
function many(count: number, serial: number, data: (index: number) => string): HttpRequest {
  const texts = Array.from(
    { length: count },
    (_, index) => `{"id":"${id(serial * 10_000 + index)}","type":"T","data":${data(index)}}`,
  );
  return post(`/streams/many-${serial}/messages`, `[${texts.join()}]`);
}

/** An import batch, with records unique to the serial number. */
function batch(serial: number, data: string): HttpRequest {
  const lines = Array.from(
    { length: 1_000 },
    (_, index) =>
      `{"id":"b${serial}-${index}","stream":"b${serial}-${index}","type":"T","pos":0,"gpos":${farther(serial) + index},"data":${data},"time":"2026-01-01T00:00:00Z"}\n`,
  );
  return post('/import', lines.join(''));
}

const sameMembers = ['{"a":1,"b":2}', '{"b":2,"a":1}'] as const;

const listed = (name: string, count: number, unit: string) => `{"${name}":[${new Array(count).fill(unit).join()}]}`;

/** The corpus. */
export const slowRequests: readonly SlowRequest[] = [
  ...shaped,
  {
    title: 'append of 10,000 messages',
    make: () => append(`[${new Array(10_000).fill('{"type":"T","data":{}}').join()}]`),
  },
  {
    title: 'append of 10,000 messages with many types',
    make: () =>
      append(
        `[${Array.from({ length: 10_000 }, (_, at) => `{"type":"T${at}","data":{"${at}a":{"${at}b":0}}}`).join()}]`,
      ),
  },
  { title: 'append of 10,000 messages with ids', make: (serial) => many(10_000, serial, (at) => `{"a":${at}}`) },
  {
    title: 'retry of 10,000 messages',
    make: (serial) => {
      const request = many(10_000, serial, (at) => `{"a":${at}}`);
      return { before: request, request };
    },
  },
  {
    title: 'retry of 10,000 messages in another spelling',
    make: (serial) => ({
      before: many(10_000, serial, () => sameMembers[0]),
      request: many(10_000, serial, () => sameMembers[1]),
    }),
  },
  { title: 'import of 1,000 records', make: (serial) => batch(serial, '{"a":1}') },
  {
    title: 'repeated import of 1,000 records',
    make: (serial) => ({ before: batch(serial, '{"a":1}'), request: batch(serial, '{"a":1}') }),
  },
  {
    title: 'repeated import of 1,000 records in another spelling',
    make: (serial) => {
      const filled = `"c":[${new Array(400).fill('0').join()}]`;
      return { before: batch(serial, `{"a":1,${filled}}`), request: batch(serial, `{${filled},"a":1}`) };
    },
  },
  {
    title: 'append of 500,000 numbers',
    make: () => post('/streams/ten-1/messages', `[${new Array(500_000).fill('0').join()}]`),
  },
  { title: 'ticket of 500,000 numbers', make: () => post('/subscribe/ticket', listed('category', 500_000, '0')) },
  { title: 'ticket of 250,000 texts', make: () => post('/subscribe/ticket', listed('category', 250_000, '"a"')) },
  {
    title: 'ticket of 100 long names',
    make: () => post('/subscribe/ticket', listed('stream', 100, `"${'x'.repeat(10_000)}"`)),
  },
  {
    title: 'subscribe with as many selectors as a head holds',
    make: () => get(`/subscribe?${'stream=a&'.repeat(1_700)}`),
  },
  {
    title: 'subscribe with as many parameters as a head holds',
    make: () => get(`/subscribe?${Array.from({ length: 3_000 }, (_, at) => key(at)).join('&')}`),
  },
  {
    title: 'streams with as many percent signs as a head holds',
    make: () => get(`/streams?prefix=${'%41'.repeat(5_000)}`),
  },
  { title: 'a path of many escapes', make: () => get(`/streams/${'%2B'.repeat(5_000)}`) },
  {
    title: 'stream.last of a type that is not there',
    store: 'one stream of 300,000 messages',
    make: () => rpc('stream.last', 'long-1', { type: 'None' }),
  },
  {
    title: 'the last message of a type that is not there',
    store: 'one stream of 300,000 messages',
    make: () => get('/streams/long-1/messages/last?type=None'),
  },
  {
    title: 'category of a group that owns nothing',
    store: 'one stream of 300,000 messages',
    make: () => get('/categories/long/messages?consumer=99&size=1000&batchSize=10'),
  },
  {
    title: 'category of a correlation that is not there',
    store: 'one stream of 300,000 messages',
    make: () => get('/categories/long/messages?correlation=none&batchSize=10'),
  },
  {
    title: 'category.get of everything with a correlation',
    store: 'one stream of 300,000 messages',
    make: () => rpc('category.get', '', { correlation: 'none', batchSize: 1 }),
  },
  {
    title: 'stream.get of everything',
    store: 'one stream of 300,000 messages',
    make: () => rpc('stream.get', 'long-1', { batchSize: -1 }),
  },
  {
    title: 'category.get of everything',
    store: 'one stream of 300,000 messages',
    make: () => rpc('category.get', '', { batchSize: -1 }),
  },
  { title: 'a path of starts of tokens', make: () => get(`/${'ns_'.repeat(5_000)}`) },
  { title: 'a path of ends of tokens', make: () => get(`/ns_${'_0123456789abcdef'.repeat(900)}!`) },
  { title: 'an export', store: 'one stream of 300,000 messages', make: () => get('/export') },
  {
    title: 'import of 1,000 older records',
    store: 'one stream of 300,000 messages',
    make: (serial) => post('/import', Array.from({ length: 1_000 }, (_, at) => older(serial, at)).join('')),
  },
  { title: 'ns.categories of 200,000', store: '200,000 categories', make: () => rpc('ns.categories') },
  { title: 'categories, first page', store: '200,000 categories', make: () => get('/categories?limit=1000') },
  {
    title: 'ns.streams of a prefix that is not there',
    store: '200,000 streams of one category',
    make: () => rpc('ns.streams', { prefix: 'zzz', limit: 1000 }),
  },
  {
    title: 'streams, a page of 1,000',
    store: '200,000 streams of one category',
    make: () => get('/streams?prefix=many-&limit=1000'),
  },
  {
    title: 'category of a group over many streams',
    store: '200,000 streams of one category',
    make: () => get('/categories/many/messages?consumer=99999&size=1000000&batchSize=10'),
  },
  { title: 'ns.list', make: () => rpc('ns.list') },
  { title: 'ns.info', make: () => rpc('ns.info', 'default') },
];

/** A record between those of the long stream. */
function older(serial: number, index: number): string {
  return `{"id":"old-${serial}-${index}","stream":"older-${serial}-${index}","type":"T","pos":0,"gpos":${2 * (index + 1_000 * (serial % 250)) + 2_000_001},"data":{},"time":"2025-01-01T00:00:00Z"}\n`;
}

function key(index: number): string {
  return index.toString(36);
}
