import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { maxGroupSize } from '../../src/message/consumer-group.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { RpcClient } from './rpc-client.ts';

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
    const { status, body } = await client.ask('stream.get', 'a-1', options);
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
    expect(await client.refusal('stream.get', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('refuses a batchSize beyond 10,000 and names it.', async () => {
    const { status, body } = await client.ask('stream.get', 'a-1', { batchSize: 10_001 });
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
    expect((await client.ask('stream.last', 'a-1', options)).body[2]).toBe(position);
  });

  test('stream.last of a missing type is null.', async () => {
    expect(await client.last('a-1', { type: 'a' })).toBeNull();
  });

  test('stream.version is the last position.', async () => {
    expect((await client.ask('stream.version', 'a-1')).text).toBe('3\n');
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
    expect(await client.refusal(...body)).toEqual([400, 'INVALID_REQUEST']);
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
    // Of two members, "1" belongs to the first and "2" to the second; a stream without id belongs to neither.
    ['account', { consumerGroup: { member: 0, size: 1 } }, [1, 4, 5]],
    ['account', { consumerGroup: { member: 0, size: 2 } }, [1, 5]],
    ['account', { consumerGroup: { member: 1, size: 2 } }, [4]],
    ['account', { consumerGroup: { member: 0, size: 2 }, batchSize: 1, position: 2 }, [5]],
    ['account', { consumerGroup: { member: 0, size: maxGroupSize } }, []],
  ])('of "%s" with %j returns %j.', async (category, options, expected) => {
    const { status, body } = await client.ask('category.get', category, options);
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
    expect(await client.refusal('category.get', ...args)).toEqual([400, 'INVALID_REQUEST']);
  });

  test('uses the method’s own names for the member of a group in errors.', async () => {
    for (const consumerGroup of [{ member: 2, size: 2 }, { size: 2 }]) {
      const { body } = await client.ask('category.get', 'account', { consumerGroup });
      expect(body.error.details).toEqual({ field: 'member' });
    }
  });
});

describe('Long reads (section 13, D18)', () => {
  // More rows than a store examines for one page, and more bytes than a page holds.
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

  test('A filter that matches little is followed to the end, and a short page is the last one.', async () => {
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
    const answer = await client.ask('category.get', '', { batchSize: -1 });
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
