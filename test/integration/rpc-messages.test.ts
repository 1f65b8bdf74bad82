import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { callRpc, RpcClient } from './rpc-client.ts';

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

describe('Members', () => {
  const members = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`x${index}`, 0]));

  test.each([
    ['options', [message, members(101)]],
    ['message', [{ ...message, ...members(99) }]],
    ['options', [{ ...message, data: { a: 'x'.repeat(100_000) } }, members(101)]],
    ['message', [{ ...message, ...members(99), data: { a: 'x'.repeat(100_000) } }]],
  ])('More than 100 of the %s are refused, in short and long bodies.', async (field, args) => {
    const { status, body } = await client.ask('stream.write', 'account-1', ...args);
    expect(status).toBe(400);
    expect(body.error.message).toBe(`${field} must have at most 100 members`);
  });

  test('100 members are accepted, and unknown ones are ignored.', async () => {
    await client.write('account-1', { ...message, ...members(98) }, members(100));
    expect(await client.get('account-1')).toHaveLength(1);
  });
});

describe('Values (section 5)', () => {
  test('A stream message has seven elements, a category message eight.', async () => {
    await client.write('account-1', { type: 'Opened', data: { a: 1 }, metadata: { b: 2 } }, { id: uuid });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(await client.get('account-1')).toEqual([[uuid, 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]]);
    expect(await client.last('account-1')).toEqual([uuid, 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]);
    expect(await client.category('account')).toEqual([[uuid, 'account-1', 'Opened', 0, 1, { a: 1 }, { b: 2 }, time]]);
  });

  test('Metadata that is missing or null is null, and empty metadata stays empty.', async () => {
    await client.write('account-1', message);
    await client.write('account-1', { ...message, metadata: null });
    await client.write('account-1', { ...message, metadata: {} });
    expect((await client.get('account-1')).map((row) => row[5])).toEqual([null, null, {}]);
  });

  test('Data and metadata come back as they were written.', async () => {
    const data =
      '{"z":1.0,"a":12345678901234567890,"10":-0,"9":"\\u00e9\\ud83d\\ude00","__proto__":{"x":1},"a":[1E2,null]}';
    const body = `["stream.write","account-1",{"metadata":${data},"data":${data},"type":"T"}]`;
    expect((await callRpc(app.url, body, { token: client.token! })).status).toBe(200);
    for (const read of [
      ['stream.get', 'account-1'],
      ['stream.last', 'account-1'],
      ['category.get', 'account'],
    ]) {
      expect((await client.ask(...read)).text).toContain(`,${data},${data},"`);
    }
  });

  test('The time is that of the append.', async () => {
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

  test('An id of any version and variant is accepted, and returned in lower case.', async () => {
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

  test('Missing streams and messages read as nothing.', async () => {
    expect(await client.get('missing-1')).toEqual([]);
    expect(await client.last('missing-1')).toBeNull();
    expect(await client.version('missing-1')).toBeNull();
    expect(await client.category('missing')).toEqual([]);
    expect((await client.ask('stream.get', 'missing-1')).text).toBe('[]\n');
    expect((await client.ask('stream.last', 'missing-1')).text).toBe('null\n');
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
    expect(await client.refusal('stream.write', ...args)).toEqual([400, 'INVALID_REQUEST']);
    expect(await client.category('')).toEqual([]);
  });

  test('names the invalid member.', async () => {
    const { body } = await client.ask('stream.write', 'a-1', { type: 'T' });
    expect(body.error).toEqual({
      code: 'INVALID_REQUEST',
      message: 'message.data must be an object, got nothing',
      details: { field: 'message.data' },
    });
  });

  test('treats null options and null optional members as absent.', async () => {
    expect((await client.ask('stream.write', 'a-1', message, null)).status).toBe(200);
    const answer = await client.ask(
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
    'with expectedVersion %i stores if the stream has that version, and conflicts otherwise.',
    async (expected, messages) => {
      for (let n = 0; n < messages; n++) await client.write('a-1', message);
      for (const wrong of [-2, -1, 0, 1, 2, 99].filter((version) => version !== expected)) {
        const { status, body } = await client.ask('stream.write', 'a-1', message, { expectedVersion: wrong });
        expect([status, body.error.code]).toEqual([409, 'STREAM_VERSION_CONFLICT']);
        expect(body.error.details).toEqual({ expected: wrong, actual: expected });
      }
      expect(await client.write('a-1', message, { expectedVersion: expected })).toMatchObject({ position: messages });
    },
  );

  test('of a known message returns the original positions before it checks expectedVersion.', async () => {
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
    const { status, body } = await client.ask('stream.write', stream, written, { id: uuid });
    expect([status, body.error.code, body.error.details]).toEqual([409, 'DUPLICATE_MESSAGE_ID', { id: uuid }]);
  });

  test('succeeds concurrently for all without expectedVersion, and for exactly one with it.', async () => {
    const free = await Promise.all(Array.from({ length: 50 }, () => client.write('a-1', message)));
    expect(free.map(({ position }) => position).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    const bound = await Promise.all(
      Array.from({ length: 10 }, () => client.ask('stream.write', 'a-1', message, { expectedVersion: 49 })),
    );
    expect(bound.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
  });

  test('beyond the byte limit of the store is refused, and counted like any append.', async () => {
    await using small = await startTestApp(['--test-mode', '--store-max-bytes', '70000']);
    const answer = await callRpc(small.url, ['stream.write', 'a-1', { type: 'T', data: { text: 'x'.repeat(70_000) } }]);
    expect([answer.status, answer.body.error.code]).toEqual([507, 'STORE_FULL']);
    await callRpc(small.url, ['stream.write', 'a-1', message]);
    const metrics = (await small.get('/metrics')).text;
    expect(metrics).toMatch(/outcome="full"\} 1\n/);
    expect(metrics).toMatch(/outcome="appended"\} 1\n/);
  });

  test('counts towards the limit of appends per second, whichever route is used.', async () => {
    await using limited = await startTestApp(['--test-mode', '--max-appends-per-second', '1']);
    const answers = [await limited.append('a-1', message)];
    // A second may have passed between two of them, but not between all.
    for (let n = 0; n < 50; n++) answers.push(await callRpc(limited.url, ['stream.write', 'a-1', message]));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.body.error.code).toBe('RATE_LIMITED');
    expect(refused[0]!.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('is delivered to subscribers and read by the resource routes.', async () => {
    await client.write('a-1', { type: 'T', data: { n: 1 } }, { id: uuid });
    const answer = await app.get(`/streams/a-1/messages?token=${client.token}`);
    expect(answer.body).toMatchObject([{ id: uuid, stream: 'a-1', type: 'T', position: 0, data: { n: 1 } }]);
  });
});
