import { once } from 'node:events';
import { get } from 'node:http';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { FakeStore } from '../support/fake-store.ts';
import { ended, importBody, recordAt, records } from '../support/import-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

const message = { type: 'Happened', data: {} };

test('An export has one record per line, by global position, with data verbatim.', async () => {
  await using app = await startTestApp();
  await app.append('b-1', '{"id":"00000000-0000-4000-8000-000000000001","type":"T\\"","data":{"n":1.0, "a":[ ]}}');
  await app.append('a-1', '{"id":"00000000-0000-4000-8000-000000000002","type":"T","data":{},"metadata":{"m":-0}}');
  const { text, headers, status } = await app.get('/export');
  expect([status, headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  expect(text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME')).toBe(
    '{"id":"00000000-0000-4000-8000-000000000001","stream":"b-1","type":"T\\"","pos":0,"gpos":1,"data":{"n":1.0,"a":[]},"meta":null,"time":"TIME"}\n' +
      '{"id":"00000000-0000-4000-8000-000000000002","stream":"a-1","type":"T","pos":0,"gpos":2,"data":{},"meta":{"m":-0},"time":"TIME","end":{"records":2}}\n',
  );
});

test('An export of a category contains only its messages, and an empty category means everything.', async () => {
  await using app = await startTestApp();
  const lines = ['a-1/0@1', 'b-1/0@2', 'a/3@5', 'aa-1/0@7'].map((place) => recordAt(place));
  await importBody(`${app.url}/import`, lines.join(''));
  expect((await app.get('/export?category=a')).text).toBe(ended(`${lines[0]}${lines[2]}`));
  expect((await app.get('/export?category=a-1')).body.error.details).toEqual({ field: 'category' });
  expect((await app.get('/export?category=')).text).toBe(ended(lines.join('')));
});

test('An export without messages consists of its end record.', async () => {
  await using app = await startTestApp();
  const empty = { status: 200, text: '{"end":{"records":0}}\n' };
  expect(await app.get('/export')).toMatchObject(empty);
  await app.append('a-1', message);
  expect(await app.get('/export?category=b')).toMatchObject(empty);
});

test('Export, import, export again: the bytes are the same, including times finer than milliseconds and gaps.', async () => {
  await using one = await startTestApp();
  await using two = await startTestApp();
  for (let n = 0; n < 30; n++) await one.append(`account-${n % 7}`, Array(99).fill({ ...message, metadata: { n } }));
  const times = ['2024-01-15T10:00:00.123456789+05:30', '1969-12-31T23:59:59.9999Z', '0001-01-01T00:00:00.000001Z'];
  const fine = times.map((time, index) => recordAt(`fine-1/${index * 5}@${5_000 + index * 3}`, { time })).join('');
  await importBody(`${one.url}/import`, fine);
  const first = (await one.get('/export')).text;
  expect(first).toContain('"time":"2024-01-15T04:30:00.123456789Z"');
  expect(first).toContain('"time":"1969-12-31T23:59:59.999900Z"');
  expect((await importBody(`${two.url}/import`, first)).events.at(-1)).toMatchObject({ imported: 2_973 });
  expect((await two.get('/export')).text).toBe(first);
  await importBody(`${one.url}/import?force=true`, first);
  expect((await one.get('/export')).text).toBe(first);
});

test('The largest message that can be appended can be exported and imported.', async () => {
  await using app = await startTestApp();
  const body = `{"type":"T","data":{"a":"${'x'.repeat(1_048_576 - 35)}"}}`;
  const stream = `${'"'.repeat(1_000)}-1`;
  expect((await app.append(stream, body)).status).toBe(201);
  const { text } = await app.get('/export');
  expect((await importBody(`${app.url}/import?force=true`, text)).events).toMatchObject([{ imported: 1 }]);
  expect((await app.get('/export')).text === text).toBe(true);
});

test('Messages appended during an export are left out of it.', async () => {
  await using app = await startTestApp();
  const large = { type: 'T', data: { a: 'x'.repeat(500_000) } };
  for (let n = 0; n < 40; n++) await app.append('a-1', large);
  const request = get(`${app.url}/export`);
  const [response] = await once(request, 'response');
  await app.append('a-1', message);
  let lines = 0;
  for await (const piece of response.setEncoding('utf8')) lines += piece.split('\n').length - 1;
  expect(lines).toBe(40);
});

test('HEAD and POST are not allowed, and unknown parameters are refused.', async () => {
  await using app = await startTestApp();
  for (const method of ['HEAD', 'POST']) expect((await fetch(`${app.url}/export`, { method })).status).toBe(405);
  expect((await app.get('/export?categories=a')).status).toBe(400);
});

test('An export that cannot be read is an error before it begins, and a broken answer later.', async () => {
  const faults = new StoreFaults();
  await using app = await startTestApp([], {
    openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
  });
  await importBody(`${app.url}/import`, records(3_000));
  faults.fail('bounds');
  expect((await app.get('/export')).status).toBe(500);
  faults.mend();
  faults.fail('read', { skip: 1 });
  await expect(app.get('/export')).rejects.toThrow();
});

test.each(['/export', '/categories/a/messages?batchSize=-1'])(
  'Over HTTP/1.0, which has no chunks, an answer that breaks off ends with a reset: %s',
  async (path) => {
    const faults = new StoreFaults();
    await using app = await startTestApp([], {
      openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
    });
    for (let n = 0; n < 3; n++) await app.append('a-1', new Array(10_000).fill({ type: 'T', data: {} }));
    await using whole = await SseClient.connect(app.port, path, { httpVersion: '1.0' });
    const ended = await whole.closed;
    faults.fail('read', { skip: 1 });
    await using broken = await SseClient.connect(app.port, path, { httpVersion: '1.0' });
    const failure = (await broken.closed) as NodeJS.ErrnoException | undefined;
    expect([ended, failure?.code, broken.bytes.length < whole.bytes.length]).toEqual([undefined, 'ECONNRESET', true]);
  },
);

test('An export whose namespace is deleted in the meantime is cut off, so that it is not mistaken for a complete one.', async () => {
  await using app = await startTestApp(['--test-mode']);
  const token = newToken('tenant');
  const ask = (path: string, body: unknown) =>
    fetch(`${app.url}${path}?token=${token}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  // More than sockets buffer, so that the export waits for its reader.
  const large = { type: 'Large', data: { text: 'x'.repeat(500_000) } };
  for (let n = 0; n < 100; n++) expect((await ask('/streams/a-1/messages', large)).status).toBe(201);
  const response = await fetch(`${app.url}/export?token=${token}`);
  const reader = response.body!.getReader();
  await reader.read();
  expect((await ask('/rpc', ['ns.delete', 'tenant'])).status).toBe(200);
  const readOn = async () => {
    while (!(await reader.read()).done);
  };
  await expect(readOn()).rejects.toThrow();
});
