import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { maxGroupSize } from '../../src/message/consumer-group.ts';
import { callRpc, type RpcAnswer, RpcClient } from '../support/rpc-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const uuid = '550e8400-e29b-41d4-a716-446655440000';
const message = { type: 'Happened', data: {} };

let app: TestApp;
let client: RpcClient;
let tenants = 0;

beforeAll(async () => {
  app = await startTestApp(['--test-mode']);
});

afterAll(() => app.close());

beforeEach(async () => {
  client = await new RpcClient(app.url).tenant(`tenant-${tenants++}`);
});

const call = (...body: unknown[]): Promise<RpcAnswer> => callRpc(app.url, body, { token: client.token! });
const refusal = async (...body: unknown[]) => {
  const { status, body: answer } = await call(...body);
  return [status, answer.error?.code];
};

describe('Values (section 5)', () => {
  test('A stream message has seven elements, a category message eight.', async () => {
    await client.write('account-1', { type: 'Opened', data: { a: 1 }, metadata: { b: 2 } }, { id: uuid });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await client.get('account-1')).toEqual([[uuid, 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]]);
    expect(await client.last('account-1')).toEqual([uuid, 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]);
    expect(await client.category('account')).toEqual([[uuid, 'account-1', 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]]);
  });

  test('Metadata that was not given, or was null, is null, and empty metadata stays empty.', async () => {
    await client.write('account-1', message);
    await client.write('account-1', { ...message, metadata: null });
    await client.write('account-1', { ...message, metadata: {} });
    expect((await client.get('account-1')).map((row) => row[5])).toEqual([null, null, {}]);
  });

  test('Data and metadata come back as they were written.', async () => {
    const data = '{"z":1.0,"a":12345678901234567890,"10":-0,"9":"\\u00e9\\ud800","__proto__":{"x":1},"a":[1E2,null]}';
    const body = `["stream.write","account-1",{"metadata":${data},"data":${data},"type":"T"}]`;
    expect((await callRpc(app.url, body, { token: client.token! })).status).toBe(200);
    for (const read of [
      ['stream.get', 'account-1'],
      ['stream.last', 'account-1'],
      ['category.get', 'account'],
    ]) {
      expect((await call(...read)).text).toContain(`,${data},${data},"`);
    }
  });

  test('The time is that of the write.', async () => {
    const before = Date.now();
    await client.write('account-1', message);
    const time = Date.parse((await client.last('account-1'))![6]);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  test.each([undefined, null, ''])('A message with the id %j gets a version 7 UUID.', async (id) => {
    await client.write('account-1', message, { id });
    expect((await client.last('account-1'))![0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
  });

  test('An id of any version and variant is taken, and comes back in lower case.', async () => {
    await client.write('account-1', message, { id: '12345678-1234-1234-1234-123456789ABC' });
    expect((await client.last('account-1'))![0]).toBe('12345678-1234-1234-1234-123456789abc');
  });

  test('The same id may be used in every namespace.', async () => {
    const other = await new RpcClient(app.url).tenant(`tenant-${tenants++}`);
    expect(await client.write('a-1', message, { id: uuid })).toEqual({ position: 0, globalPosition: 1 });
    expect(await other.write('b-1', message, { id: uuid })).toEqual({ position: 0, globalPosition: 1 });
  });

  test.each(['a', 'UPPERCASE', 'stream123', 'stream-with-many-dashes', 'test-stream_123.abc', '-x', 'order-世界'])(
    'A stream may be named %s.',
    async (name) => {
      await client.write(name, message);
      expect(await client.get(name)).toHaveLength(1);
    },
  );

  test('What does not exist reads as nothing.', async () => {
    expect(await client.get('missing-1')).toEqual([]);
    expect(await client.last('missing-1')).toBeNull();
    expect(await client.version('missing-1')).toBeNull();
    expect(await client.category('missing')).toEqual([]);
    expect((await call('stream.get', 'missing-1')).text).toBe('[]\n');
    expect((await call('stream.last', 'missing-1')).text).toBe('null\n');
  });
});

describe('stream.write (section 6)', () => {
  test.each([
    ['no arguments', []],
    ['no message', ['a-1']],
    ['a name that is a number', [123, message]],
    ['a name that is null', [null, message]],
    ['an empty name', ['', message]],
    ['a name of 1025 bytes', ['x'.repeat(1025), message]],
    ['a name with a control character', ['a-\u0000', message]],
    ['a message that is null', ['a-1', null]],
    ['a message that is an array', ['a-1', [message]]],
    ['a message that is a string', ['a-1', 'message']],
    ['no type', ['a-1', { data: {} }]],
    ['an empty type', ['a-1', { ...message, type: '' }]],
    ['a type that is a number', ['a-1', { ...message, type: 1 }]],
    ['a type of 257 bytes', ['a-1', { ...message, type: 'x'.repeat(257) }]],
    ['no data', ['a-1', { type: 'T' }]],
    ['data that is null', ['a-1', { type: 'T', data: null }]],
    ['data that is an array', ['a-1', { type: 'T', data: [] }]],
    ['data that is a string', ['a-1', { type: 'T', data: 'x' }]],
    ['metadata that is an array', ['a-1', { ...message, metadata: [] }]],
    ['metadata that is a string', ['a-1', { ...message, metadata: 'x' }]],
    ['options that are an array', ['a-1', message, []]],
    ['options that are a number', ['a-1', message, 5]],
    ['options that are false', ['a-1', message, false]],
    ['an id that is a number', ['a-1', message, { id: 5 }]],
    ['an id that is no UUID', ['a-1', message, { id: 'not-a-uuid' }]],
    ['an id in braces', ['a-1', message, { id: `{${uuid}}` }]],
    ['an id without hyphens', ['a-1', message, { id: uuid.replaceAll('-', '') }]],
    ['an expectedVersion that is a string', ['a-1', message, { expectedVersion: '0' }]],
    ['an expectedVersion with a fraction', ['a-1', message, { expectedVersion: 0.5 }]],
    ['an expectedVersion beyond exact integers', ['a-1', message, { expectedVersion: 1e300 }]],
  ])('refuses %s, and stores nothing.', async (_what, args) => {
    expect(await refusal('stream.write', ...args)).toEqual([400, 'INVALID_REQUEST']);
    expect(await client.category('')).toEqual([]);
  });

  test('names what is at fault.', async () => {
    const { body } = await call('stream.write', 'a-1', { type: 'T' });
    expect(body.error).toEqual({
      code: 'INVALID_REQUEST',
      message: 'message.data must be an object, got nothing',
      details: { field: 'message.data' },
    });
  });

  test('takes null options and null optional members for absent.', async () => {
    expect((await call('stream.write', 'a-1', message, null)).status).toBe(200);
    const answer = await call(
      'stream.write',
      'a-1',
      { ...message, metadata: null },
      { id: null, expectedVersion: null },
    );
    expect(answer.text).toBe('{"position":1,"globalPosition":2}\n');
  });

  test.each([
    [-1, 0],
    [0, 1],
    [1, 2],
  ])(
    'with expectedVersion %i stores when the stream is there, and conflicts otherwise.',
    async (expected, messages) => {
      for (let n = 0; n < messages; n++) await client.write('a-1', message);
      for (const wrong of [-2, -1, 0, 1, 2, 99].filter((version) => version !== expected)) {
        const { status, body } = await call('stream.write', 'a-1', message, { expectedVersion: wrong });
        expect([status, body.error.code]).toEqual([409, 'STREAM_VERSION_CONFLICT']);
        expect(body.error.details).toEqual({ expected: wrong, actual: expected });
      }
      expect(await client.write('a-1', message, { expectedVersion: expected })).toMatchObject({ position: messages });
    },
  );

  test('of a known message answers with the original positions, before it looks at expectedVersion.', async () => {
    const first = await client.write('a-1', message, { id: uuid, expectedVersion: -1 });
    await client.write('a-1', message);
    expect(await client.write('a-1', message, { id: uuid.toUpperCase(), expectedVersion: -1 })).toEqual(first);
    expect(await client.get('a-1')).toHaveLength(2);
  });

  test.each([
    ['another stream', 'a-2', message],
    ['another type', 'a-1', { ...message, type: 'Other' }],
    ['other data', 'a-1', { ...message, data: { n: 1 } }],
    ['other metadata', 'a-1', { ...message, metadata: {} }],
  ])('of a known id with %s is a conflict.', async (_what, stream, written) => {
    await client.write('a-1', message, { id: uuid });
    const { status, body } = await call('stream.write', stream, written, { id: uuid });
    expect([status, body.error.code, body.error.details]).toEqual([409, 'DUPLICATE_MESSAGE_ID', { id: uuid }]);
  });

  test('at once succeeds for all without expectedVersion, and for exactly one with it.', async () => {
    const free = await Promise.all(Array.from({ length: 50 }, () => client.write('a-1', message)));
    expect(free.map(({ position }) => position).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    const bound = await Promise.all(
      Array.from({ length: 10 }, () => call('stream.write', 'a-1', message, { expectedVersion: 49 })),
    );
    expect(bound.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
  });

  test('beyond the byte limit of the store is refused, and counted like any append.', async () => {
    await using small = await startTestApp(['--test-mode', '--store-max-bytes', '1000']);
    const answer = await callRpc(small.url, ['stream.write', 'a-1', { type: 'T', data: { text: 'x'.repeat(2000) } }]);
    expect([answer.status, answer.body.error.code]).toEqual([507, 'STORE_FULL']);
    await callRpc(small.url, ['stream.write', 'a-1', message]);
    const metrics = (await small.get('/metrics')).text;
    expect(metrics).toMatch(/outcome="full"\} 1\n/);
    expect(metrics).toMatch(/outcome="appended"\} 1\n/);
  });

  test('counts for the limit of appends a second, whichever route they take.', async () => {
    await using limited = await startTestApp(['--test-mode', '--max-appends-per-second', '1']);
    const answers = [await limited.append('a-1', message)];
    // The second may have passed between two of them, but not between all.
    for (let n = 0; n < 50; n++) answers.push(await callRpc(limited.url, ['stream.write', 'a-1', message]));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.body.error.code).toBe('RATE_LIMITED');
    expect(refused[0]!.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('is told to subscribers and read by the resource routes.', async () => {
    await client.write('a-1', { type: 'T', data: { n: 1 } }, { id: uuid });
    const answer = await app.get(`/streams/a-1/messages?token=${client.token}`);
    expect(answer.body).toMatchObject([{ id: uuid, stream: 'a-1', type: 'T', position: 0, data: { n: 1 } }]);
  });
});

describe('stream.get (section 6)', () => {
  beforeEach(async () => {
    for (let n = 0; n < 5; n++) await client.write(n === 2 ? 'b-1' : 'a-1', { type: `T${n}`, data: {} });
  });

  test.each([
    [undefined, ['T0', 'T1', 'T3', 'T4']],
    [null, ['T0', 'T1', 'T3', 'T4']],
    [{}, ['T0', 'T1', 'T3', 'T4']],
    [{ position: 0 }, ['T0', 'T1', 'T3', 'T4']],
    [{ position: null, batchSize: null }, ['T0', 'T1', 'T3', 'T4']],
    [{ position: -5 }, ['T0', 'T1', 'T3', 'T4']],
    [{ position: 2 }, ['T3', 'T4']],
    [{ position: 2.0, batchSize: 1 }, ['T3']],
    [{ position: 4 }, []],
    [{ position: Number.MAX_SAFE_INTEGER }, []],
    [{ globalPosition: 3 }, ['T3', 'T4']],
    [{ globalPosition: -1 }, ['T0', 'T1', 'T3', 'T4']],
    [{ position: 3, globalPosition: 2 }, ['T1', 'T3', 'T4']],
    [{ batchSize: 3 }, ['T0', 'T1', 'T3']],
    [{ batchSize: 0 }, ['T0', 'T1', 'T3', 'T4']],
    [{ batchSize: -1 }, ['T0', 'T1', 'T3', 'T4']],
    [{ batchSize: 10_000 }, ['T0', 'T1', 'T3', 'T4']],
  ])('with %j returns %j.', async (options, types) => {
    const { status, body } = await call('stream.get', 'a-1', options);
    expect([status, body.map((row: unknown[]) => row[1])]).toEqual([200, types]);
  });

  test.each([
    ['no name', []],
    ['an empty name', ['']],
    ['a name that is an object', [{}]],
    ['options that are an array', ['a-1', []]],
    ['options that are a string', ['a-1', 'x']],
    ['a position that is a string', ['a-1', { position: '1' }]],
    ['a position with a fraction', ['a-1', { position: 1.9 }]],
    ['a position beyond exact integers', ['a-1', { position: 2 ** 53 }]],
    ['a globalPosition with a fraction', ['a-1', { globalPosition: 0.1 }]],
    ['a batchSize of -2', ['a-1', { batchSize: -2 }]],
    ['a batchSize with a fraction', ['a-1', { batchSize: 1.5 }]],
    ['a batchSize that is true', ['a-1', { batchSize: true }]],
  ])('refuses %s.', async (_what, args) => {
    expect(await refusal('stream.get', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('refuses a batchSize beyond 10,000 and names it.', async () => {
    const { status, body } = await call('stream.get', 'a-1', { batchSize: 10_001 });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('batchSize')]);
  });
});

describe('stream.last and stream.version (section 6)', () => {
  beforeEach(async () => {
    for (const type of ['A', 'B', 'A', 'C']) await client.write('a-1', { type, data: {} });
  });

  test.each([
    [{}, 3],
    [null, 3],
    [{ type: '' }, 3],
    [{ type: null }, 3],
    [{ type: 'A' }, 2],
    [{ type: 'B' }, 1],
  ])('stream.last with %j returns the message at %i.', async (options, position) => {
    expect((await call('stream.last', 'a-1', options)).body[2]).toBe(position);
  });

  test('stream.last of a type that is not there is null.', async () => {
    expect(await client.last('a-1', { type: 'a' })).toBeNull();
  });

  test('stream.version is the last position.', async () => {
    expect((await call('stream.version', 'a-1')).text).toBe('3\n');
  });

  test.each([
    ['stream.last'],
    ['stream.last', ''],
    ['stream.last', 1],
    ['stream.last', 'a-1', []],
    ['stream.last', 'a-1', { type: 1 }],
    ['stream.version'],
    ['stream.version', ''],
    ['stream.version', null],
  ])('%s %j %j is refused.', async (...body) => {
    expect(await refusal(...body)).toEqual([400, 'INVALID_REQUEST']);
  });
});

describe('category.get (section 6)', () => {
  beforeEach(async () => {
    await client.write('account-1', message);
    await client.write('account', { ...message, metadata: { correlationStreamName: 'workflow-1' } });
    await client.write('accountLog-1', message);
    await client.write('account-2', { ...message, metadata: { correlationStreamName: 'workflow' } });
    await client.write('account-1+x', { ...message, metadata: { correlationStreamName: 'Workflow-1' } });
    await client.write('-x', { ...message, metadata: { correlationStreamName: 7 } });
  });

  test.each([
    ['account', undefined, [1, 2, 4, 5]],
    ['account', null, [1, 2, 4, 5]],
    ['account', {}, [1, 2, 4, 5]],
    ['', {}, [1, 2, 3, 4, 5, 6]],
    ['Account', {}, []],
    ['account-1', {}, []],
    ['account', { position: 0 }, [1, 2, 4, 5]],
    ['account', { position: 1 }, [1, 2, 4, 5]],
    ['account', { position: -3 }, [1, 2, 4, 5]],
    ['account', { position: 2 }, [2, 4, 5]],
    ['account', { position: 3 }, [4, 5]],
    ['account', { globalPosition: 4 }, [4, 5]],
    ['account', { position: 1, globalPosition: 4 }, [4, 5]],
    ['account', { position: 99 }, []],
    ['account', { batchSize: 2 }, [1, 2]],
    ['account', { batchSize: -1 }, [1, 2, 4, 5]],
    ['account', { batchSize: 0 }, [1, 2, 4, 5]],
    ['account', { correlation: 'workflow' }, [2, 4]],
    ['account', { correlation: 'Workflow' }, [5]],
    ['account', { correlation: 'work' }, []],
    ['account', { correlation: 'workflo_' }, []],
    ['account', { correlation: '%' }, []],
    ['account', { correlation: 'workflow-1' }, []],
    ['account', { correlation: '' }, [1, 2, 4, 5]],
    ['account', { correlation: null, consumerGroup: null }, [1, 2, 4, 5]],
    ['account', { correlation: 'workflow', batchSize: 1, position: 3 }, [4]],
    ['', { correlation: 'workflow' }, [2, 4]],
    ['account', { consumerGroup: {} }, [1, 2, 4, 5]],
    ['account', { consumerGroup: { member: null, size: null } }, [1, 2, 4, 5]],
    // Of two members, "1" is the first one's and "2" the second one's; a stream without id is nobody's.
    ['account', { consumerGroup: { member: 0, size: 1 } }, [1, 4, 5]],
    ['account', { consumerGroup: { member: 0, size: 2 } }, [1, 5]],
    ['account', { consumerGroup: { member: 1, size: 2 } }, [4]],
    ['account', { consumerGroup: { member: 0, size: 2 }, batchSize: 1, position: 2 }, [5]],
    ['account', { consumerGroup: { member: 0, size: maxGroupSize } }, []],
  ])('of "%s" with %j returns %j.', async (category, options, expected) => {
    const { status, body } = await call('category.get', category, options);
    expect([status, body.map((row: unknown[]) => row[4])]).toEqual([200, expected]);
  });

  test.each([
    ['no category', []],
    ['a category that is null', [null]],
    ['a category that is a number', [1]],
    ['options that are an array', ['account', []]],
    ['a position with a fraction', ['account', { position: 1.5 }]],
    ['a batchSize beyond 10,000', ['account', { batchSize: 10_001 }]],
    ['a batchSize of -2', ['account', { batchSize: -2 }]],
    ['a correlation that is a number', ['account', { correlation: 1 }]],
    ['a group that is a string', ['account', { consumerGroup: 'x' }]],
    ['a group that is an array', ['account', { consumerGroup: [0, 2] }]],
    ['a member without size', ['account', { consumerGroup: { member: 0 } }]],
    ['a size without member', ['account', { consumerGroup: { size: 2 } }]],
    ['a member beside a null size', ['account', { consumerGroup: { member: 0, size: null } }]],
    ['a size of 0', ['account', { consumerGroup: { member: 0, size: 0 } }]],
    ['a negative member', ['account', { consumerGroup: { member: -1, size: 2 } }]],
    ['a member as large as the size', ['account', { consumerGroup: { member: 2, size: 2 } }]],
    ['a member with a fraction', ['account', { consumerGroup: { member: 0.5, size: 2 } }]],
    ['a size that is a string', ['account', { consumerGroup: { member: 0, size: '2' } }]],
  ])('refuses %s.', async (_what, args) => {
    expect(await refusal('category.get', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });
});

describe('Long reads (section 13, D18)', () => {
  // More rows than a store looks at for one page, and more bytes than one page holds.
  const streams = 12;
  const perAppend = 1_000;

  async function fill(): Promise<void> {
    const rows = Array.from({ length: perAppend }, (_, n) => ({
      type: 'T',
      data: { text: 'x'.repeat(100) },
      ...(n === 999 && { metadata: { correlationStreamName: 'rare-1' } }),
    }));
    for (let n = 0; n < streams; n++) await app.append(`many-${n}`, rows, `token=${client.token}`);
  }

  test('A filter that matches little is followed to the end, and a short page is the end.', async () => {
    await fill();
    const positions = async (options: object) =>
      (await client.category('many', { correlation: 'rare', ...options })).map((row) => row[4]);
    const all = Array.from({ length: streams }, (_, n) => (n + 1) * perAppend);
    expect(await positions({})).toEqual(all);
    expect(await positions({ batchSize: 5 })).toEqual(all.slice(0, 5));
    expect(await positions({ batchSize: 5, position: all[9]! })).toEqual(all.slice(9));
    expect(await positions({ batchSize: -1 })).toEqual(all);
  });

  test('A batchSize of -1 returns everything, in order and with its newline.', async () => {
    await fill();
    const answer = await call('category.get', '', { batchSize: -1 });
    expect(answer.text.endsWith(']\n')).toBe(true);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.body.map((row: unknown[]) => row[4])).toEqual(
      Array.from({ length: streams * perAppend }, (_, n) => n + 1),
    );
    expect(await client.category('many')).toHaveLength(1_000);
    expect(await client.category('many', { batchSize: 10_000 })).toHaveLength(10_000);
  });

  test("EventoDB's way to export reads the whole log page by page until an empty one.", async () => {
    await fill();
    const seen: number[] = [];
    for (let position = 0; ; position = seen.at(-1)! + 1) {
      const page = await client.category('', { position, batchSize: 1_000 });
      if (page.length === 0) break;
      seen.push(...page.map((row) => row[4]));
    }
    expect(seen).toEqual(Array.from({ length: streams * perAppend }, (_, n) => n + 1));
  });
});
