import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { ended, ImportRequest, importBody, recordAt, records } from '../support/import-client.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const admin = newToken('default');
const message = { type: 'Happened', data: {} };

const exported = async (app: TestApp, query = '') => (await app.get(`/export${query}`)).text as string;
const done = (imported: number, known = 0, complete = false) => ({
  done: true,
  imported,
  known,
  complete,
  elapsed: expect.stringMatching(/^\d+\.\ds$/),
});
const withoutTime = (text: string) => text.replace(/"elapsed":"\d+\.\ds"/, '"elapsed":"N s"');

test('An import answers with an event stream of one event, and the records are stored with all members.', async () => {
  await using app = await startTestApp();
  const body = recordAt('account-1/5@999', {}, { id: '1', timeNanos: 456_789 });
  const { status, headers, text } = await importBody(`${app.url}/import`, body);
  expect([status, withoutTime(text)]).toEqual([
    200,
    'data: {"done":true,"imported":1,"known":0,"complete":false,"elapsed":"N s"}\n\n',
  ]);
  expect(headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-store',
    'x-accel-buffering': 'no',
    'transfer-encoding': 'chunked',
  });
  expect(await exported(app)).toBe(ended(body));
  expect((await app.get('/streams/account-1/messages')).body).toMatchObject([
    { id: '1', position: 5, globalPosition: 999, time: '2023-11-14T22:13:20.999456789Z' },
  ]);
  expect((await app.append('account-1', message)).body).toMatchObject({ position: 6, globalPosition: 1000 });
});

test.each([
  ['nothing', '', 0],
  ['blank lines alone', '\n\r\n  \n\t\n', 0],
  ['a last line without an end', recordAt('a-1/0@1').trimEnd(), 1],
  ['lines that end with CRLF', records(3).replaceAll('\n', '\r\n'), 3],
  ['unknown members', recordAt('a-1/0@1', { globalPosition: 7, extra: { id: null } }), 1],
])('An import of %s is done.', async (_what, body, imported) => {
  await using app = await startTestApp();
  expect((await importBody(`${app.url}/import`, body)).events).toEqual([done(imported)]);
});

test('An export without messages is imported as a complete one, and only it may replace a log by nothing.', async () => {
  await using app = await startTestApp();
  const done = { done: true, imported: 0, complete: true };
  expect((await importBody(`${app.url}/import`, ended(''))).events).toMatchObject([done]);
  await importBody(`${app.url}/import`, ended(records(2)) + ended(''));
  expect(await exported(app)).toBe(ended(records(2)));
  for (const [body, code] of [
    ['', 'INCOMPLETE'],
    [records(2) + ended(''), 'INCOMPLETE'],
    ['{"end":{"records":1}}', 'INVALID_RECORD'],
    ['{"end":null}', 'INVALID_RECORD'],
  ] as const) {
    expect((await importBody(`${app.url}/import?force=true`, body)).events).toMatchObject([{ error: code }]);
  }
  expect(await exported(app)).toBe(ended(records(2)));
  expect((await importBody(`${app.url}/import?force=true`, ended(''))).events).toMatchObject([done]);
  expect(await exported(app)).toBe(ended(''));
});

test('A request without a body is an empty import.', async () => {
  await using app = await startTestApp();
  const response = await fetch(`${app.url}/import`, { method: 'POST' });
  expect(withoutTime(await response.text())).toBe(
    'data: {"done":true,"imported":0,"known":0,"complete":false,"elapsed":"N s"}\n\n',
  );
});

test('2500 records, with blank lines among them, report progress at 1000 and 2000, and then completion.', async () => {
  await using app = await startTestApp();
  const body = records(2_500).replaceAll('\n', '\n\n');
  expect((await importBody(`${app.url}/import`, body)).events).toEqual([
    { imported: 1_000, known: 0, gpos: 1_000 },
    { imported: 2_000, known: 0, gpos: 2_000 },
    done(2_500),
  ]);
});

test('Progress is reported while the body is still being sent.', async () => {
  await using app = await startTestApp();
  const sending = new ImportRequest(`${app.url}/import`);
  await sending.send(records(1_000));
  await expect.poll(() => sending.events).toEqual([{ imported: 1_000, known: 0, gpos: 1_000 }]);
  await sending.send(records(1_000, 1_001));
  await expect.poll(() => sending.events.length).toBe(2);
  expect((await sending.end()).events.at(-1)).toEqual(done(2_000));
});

test('Data and metadata are stored verbatim, however the body is split.', async () => {
  await using app = await startTestApp();
  const data = '{"z":12345678901234567890,"é":"世😀\\u0000 ","a":1.0}';
  const line = `{"id":"ü","stream":"a-1","type":"T","pos":0,"gpos":1,"data":${data},"meta":{"m":-0},"time":"2024-01-15T10:00:00Z"}\n`;
  const bytes = Buffer.from(line);
  const sending = new ImportRequest(`${app.url}/import`);
  for (const byte of bytes) await sending.send(Buffer.of(byte));
  expect((await sending.end()).events).toEqual([done(1)]);
  expect(await exported(app)).toBe(ended(line.replace('00:00Z', '00:00.000Z')));
});

test.each([
  ['broken JSON', '{"id":', 'INVALID_JSON'],
  ['JSON that is no object', '["id"]', 'INVALID_JSON'],
  ['an id that is a number', recordAt('b-1/0@9', { id: 1 }), 'INVALID_JSON'],
  ['a stream that is an object', recordAt('b-1/0@9', { stream: {} }), 'INVALID_JSON'],
  ['a fractional pos', recordAt('b-1/0@9', { pos: 1.5 }), 'INVALID_JSON'],
  ['a gpos that is text', recordAt('b-1/0@9', { gpos: '9' }), 'INVALID_JSON'],
  ['data that is an array', recordAt('b-1/0@9', { data: [] }), 'INVALID_JSON'],
  ['meta that is text', recordAt('b-1/0@9', { meta: '' }), 'INVALID_JSON'],
  ['bytes that are no UTF-8', Buffer.from(recordAt('b-1/0@9', { type: 'é' }), 'latin1'), 'INVALID_JSON'],
  ['a time that is none', recordAt('b-1/0@9', { time: '2024-02-30T00:00:00Z' }), 'INVALID_RECORD'],
  ['a time without an offset', recordAt('b-1/0@9', { time: '2024-01-15T10:00:00' }), 'INVALID_RECORD'],
  ['no time', recordAt('b-1/0@9', { time: undefined }), 'INVALID_RECORD'],
  ['an end without a number', recordAt('b-1/0@9', { end: true }), 'INVALID_RECORD'],
  ['no id', recordAt('b-1/0@9', { id: undefined }), 'INVALID_RECORD'],
  ['an empty id', recordAt('b-1/0@9', { id: '' }), 'INVALID_RECORD'],
  ['a null stream', recordAt('b-1/0@9', { stream: null }), 'INVALID_RECORD'],
  ['a stream with a control character', recordAt('b-1/0@9', { stream: 'a\n' }), 'INVALID_RECORD'],
  ['an empty type', recordAt('b-1/0@9', { type: '' }), 'INVALID_RECORD'],
  ['no pos', recordAt('b-1/0@9', { pos: undefined }), 'INVALID_RECORD'],
  ['a pos of -1', recordAt('b-1/0@9', { pos: -1 }), 'INVALID_RECORD'],
  ['a gpos of 0', recordAt('b-1/0@9', { gpos: 0 }), 'INVALID_RECORD'],
  ['a gpos beyond exact numbers', recordAt('b-1/0@9', { gpos: 2 ** 53 }), 'INVALID_RECORD'],
  ['a stream position that falls', recordAt('a-1/0@9'), 'INVALID_RECORD'],
  ['an id that exists', recordAt('b-1/0@9', { id: 'id 1' }), 'POSITION_EXISTS'],
  ['a gpos that exists', recordAt('b-1/0@1', { id: 'x' }), 'POSITION_EXISTS'],
  ['a stream position that exists', recordAt('a-1/5@9'), 'POSITION_EXISTS'],
  ['a gpos that stands in the same batch', recordAt('b-1/0@2', { id: 'x' }), 'POSITION_EXISTS'],
])(
  'A record with %s ends the import with an error that names its line, and stores nothing of its batch.',
  async (_what, bad, code) => {
    await using app = await startTestApp();
    await importBody(`${app.url}/import`, recordAt('a-1/5@1'));
    const body = Buffer.concat([
      Buffer.from(`${recordAt('a-1/6@2')}\n${recordAt('a-1/7@3')}`),
      Buffer.from(bad),
      Buffer.from(`\n${recordAt('a-1/9@10')}`),
    ]);
    const { status, events, text } = await importBody(`${app.url}/import`, body);
    expect([status, events]).toEqual([200, [{ error: code, message: expect.any(String), line: 4 }]]);
    expect(text).toMatch(/^data: \{"error":"[A-Z_]+","message":"[^\n]+","line":4\}\n\n$/);
    expect(await exported(app)).toBe(ended(recordAt('a-1/5@1')));
  },
);

test('Batches before the one with the error are kept.', async () => {
  await using app = await startTestApp();
  const body = `${records(2_100)}{}\n${records(10, 3_000)}`;
  expect((await importBody(`${app.url}/import`, body)).events).toMatchObject([
    { imported: 1_000 },
    { imported: 2_000 },
    { error: 'INVALID_RECORD', line: 2_101 },
  ]);
  expect(await exported(app)).toBe(ended(records(2_000)));
});

test('The reported line of an existing record is its own, not the last one of its batch.', async () => {
  await using app = await startTestApp();
  await importBody(`${app.url}/import`, recordAt('a-1/0@1500'));
  const { events } = await importBody(`${app.url}/import`, `\n\n${records(2_500)}`);
  expect(events).toMatchObject([{ imported: 1_000 }, { error: 'POSITION_EXISTS', line: 1_502 }]);
});

test('An interrupted import can be repeated: stored messages are skipped and counted, and the rest is imported.', async () => {
  await using app = await startTestApp();
  const sending = new ImportRequest(`${app.url}/import`);
  const answer = expect(sending.answer).rejects.toThrow();
  await sending.send(records(1_700));
  await expect.poll(() => sending.events).toHaveLength(1);
  sending.request.destroy();
  await answer;
  expect((await importBody(`${app.url}/import`, records(2_500))).events).toEqual([
    { imported: 0, known: 1_000, gpos: 1_000 },
    { imported: 1_000, known: 1_000, gpos: 2_000 },
    done(1_500, 1_000),
  ]);
  expect(await exported(app)).toBe(ended(records(2_500)));
});

test('A record that differs from the stored one ends a repeated import.', async () => {
  await using app = await startTestApp();
  await importBody(`${app.url}/import`, records(3));
  const body = `${records(2)}${recordAt('many-3/3@3', { data: { changed: true } })}`;
  expect((await importBody(`${app.url}/import`, body)).events).toMatchObject([{ error: 'POSITION_EXISTS', line: 3 }]);
});

test('A line beyond the limit is a read error, and one at the limit is accepted.', async () => {
  await using app = await startTestApp();
  const limit = 1_048_576 + 16_384;
  const padding = limit - recordAt('a-1/0@1', { data: { a: '' } }).length + 1;
  const longest = recordAt('a-1/0@1', { data: { a: 'x'.repeat(padding) } });
  expect((await importBody(`${app.url}/import`, longest.replace('\n', '\r\n'))).events).toEqual([done(1)]);
  const longer = recordAt('a-1/1@2', { data: { a: 'x'.repeat(padding + 1) } });
  const { events } = await importBody(`${app.url}/import`, `${recordAt('a-1/2@3')}${longer}`);
  expect(events).toEqual([{ error: 'READ_ERROR', message: expect.stringContaining('size limit'), line: 2 }]);
  expect((await exported(app)) === ended(longest)).toBe(true);
});

test('A line that never ends is refused without being buffered, and the rest of the body is not awaited.', async () => {
  await using app = await startTestApp();
  const sending = new ImportRequest(`${app.url}/import`);
  const piece = Buffer.alloc(1_048_576, 'x');
  await sending.send(piece);
  await sending.send(piece);
  await expect.poll(() => sending.events).toMatchObject([{ error: 'READ_ERROR', line: 1 }]);
  await sending.end();
});

test('The body may be longer than that of an append, but not than --import-limit-bytes.', async () => {
  await using app = await startTestApp(['--body-limit-bytes', '1024', '--import-limit-bytes', '200000']);
  expect((await importBody(`${app.url}/import`, records(1_000))).events.at(-1)).toEqual(done(1_000));
  const { events } = await importBody(`${app.url}/import`, records(2_500, 1_001));
  expect(events.at(-1)).toMatchObject({
    error: 'READ_ERROR',
    message: 'The body exceeds the size limit of 200000 bytes.',
  });
});

test('A full store ends the import, and earlier batches are kept.', async () => {
  await using app = await startTestApp(['--store-max-bytes', '200000']);
  const { events } = await importBody(`${app.url}/import`, records(5_000));
  expect(events).toMatchObject([{ imported: 1_000 }, { error: 'IMPORT_FAILED', line: 2_000 }]);
  expect(await exported(app)).toBe(ended(records(1_000)));
});

test('A forced import replaces the whole log.', async () => {
  await using app = await startTestApp();
  await app.append('old-1', [message, message]);
  const { events } = await importBody(`${app.url}/import?force=true`, ended(records(1_500)));
  expect(events).toEqual([{ imported: 1_000, known: 0, gpos: 1_000 }, done(1_500, 0, true)]);
  expect(await exported(app)).toBe(ended(records(1_500)));
});

test('A forced import that fails in its last line leaves the old log unchanged.', async () => {
  await using app = await startTestApp();
  await app.append('old-1', [message, message]);
  const before = await exported(app);
  const { events } = await importBody(`${app.url}/import?force=true`, `${records(1_500)}{"id":"x"}`);
  expect(events).toMatchObject([{ imported: 1_000 }, { error: 'INVALID_RECORD', line: 1_501 }]);
  expect(await exported(app)).toBe(before);
  expect((await app.append('old-1', message)).body).toMatchObject({ position: 2, globalPosition: 3 });
});

test.each([
  ['no record', '\n', 'The input has no records'],
  ['a last record that ends no export', records(3), 'The last record does not end an export'],
  ['records after the end', `${ended(records(3))}${recordAt('a-1/0@9')}`, 'The last record does not end an export'],
  ['a record too few', ended(records(3)).replace(/^.*\n/, ''), 'ends an export of 3 records, but 2 were received'],
])('A forced import of %s replaces nothing, unless it may be incomplete.', async (_what, body, problem) => {
  await using app = await startTestApp();
  await app.append('old-1', message);
  const before = await exported(app);
  const { events } = await importBody(`${app.url}/import?force=true`, body);
  expect(events).toMatchObject([{ error: 'INCOMPLETE', message: expect.stringContaining(problem) }]);
  expect(await exported(app)).toBe(before);
  const allowed = await importBody(`${app.url}/import?force=true&allowIncomplete=true`, body);
  expect(allowed.events).toMatchObject([{ done: true }]);
  expect(await exported(app)).not.toBe(before);
});

test('Several complete exports in a row are complete.', async () => {
  await using app = await startTestApp();
  const body = `${ended(records(3))}${ended(records(2, 4))}`;
  expect((await importBody(`${app.url}/import?force=true`, body)).events).toEqual([done(5, 0, true)]);
  expect(await exported(app)).toBe(ended(records(5)));
});

test('An import that adds messages needs no end record, but an existing one must be correct.', async () => {
  await using app = await startTestApp();
  expect((await importBody(`${app.url}/import`, records(2))).events).toEqual([done(2)]);
  expect((await importBody(`${app.url}/import`, ended(records(3)))).events).toEqual([done(1, 2, true)]);
  const { events } = await importBody(`${app.url}/import`, ended(records(9)).replace(/^.*\n/, ''));
  expect(events).toMatchObject([{ error: 'INCOMPLETE', line: 8 }]);
});

test('A forced import is not visible before it is complete.', async () => {
  await using app = await startTestApp();
  await app.append('old-1', message);
  const before = await exported(app);
  const sending = new ImportRequest(`${app.url}/import?force=true`);
  await sending.send(ended(records(1_000)));
  await expect.poll(() => sending.events).toHaveLength(1);
  expect(await exported(app)).toBe(before);
  await sending.end();
  expect(await exported(app)).toBe(ended(records(1_000)));
});

test('A client that leaves during a forced import leaves the old log unchanged, and the space is released.', async () => {
  await using app = await startTestApp();
  await app.append('old-1', message);
  const before = [await exported(app), (await app.get('/metrics')).text.match(/^pokewire_store_bytes \d+/m)?.[0]];
  const sending = new ImportRequest(`${app.url}/import?force=true`);
  const answer = expect(sending.answer).rejects.toThrow();
  await sending.send(records(1_000));
  await expect.poll(() => sending.events).toHaveLength(1);
  sending.request.destroy();
  await answer;
  expect(before[1]).toBeDefined();
  await expect
    .poll(async () => [await exported(app), (await app.get('/metrics')).text.match(/^pokewire_store_bytes \d+/m)?.[0]])
    .toEqual(before);
});

test('A client that leaves during an import leaves the complete batches.', async () => {
  await using app = await startTestApp();
  const sending = new ImportRequest(`${app.url}/import`);
  const answer = expect(sending.answer).rejects.toThrow();
  await sending.send(records(1_500));
  await expect.poll(() => sending.events).toHaveLength(1);
  sending.request.destroy();
  await answer;
  expect(await exported(app)).toBe(ended(records(1_000)));
});

test('Subscribers are poked for messages imported above the head, in global order, and for later appends.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [message, message]);
  await using all = await SseClient.connect(app.port, '/subscribe?all=true');
  await using stream = await SseClient.connect(app.port, '/subscribe?stream=a-2&position=4');
  await importBody(`${app.url}/import`, ['b-1/0@30', 'a-2/3@20', 'a-2/4@40'].map((place) => recordAt(place)).join(''));
  await app.append('a-2', message);
  await all.waitForPokes(4);
  expect(all.pokes.map(({ stream: name, globalPosition }) => `${name}@${globalPosition}`)).toEqual([
    'a-2@20',
    'b-1@30',
    'a-2@40',
    'a-2@41',
  ]);
  await stream.waitForPokes(2);
  expect(stream.pokes.map(({ position }) => position)).toEqual([4, 5]);
});

test('A replacement ends the subscriptions of the old log, and a cursor of that log receives the whole new one.', async () => {
  await using app = await startTestApp();
  await app.append('a-1', [message, message, message]);
  await using client = await SseClient.connect(app.port, '/subscribe?category=a');
  await client.waitForPokes(3);
  await importBody(`${app.url}/import?force=true`, ended(recordAt('a-9/0@1')));
  await client.closed;
  const { id } = client.pokes.at(-1)!;
  expect(client.events.at(-1)).toEqual({ type: 'end', data: '{"code":"log-replaced"}', lastEventId: id });
  await using later = await SseClient.connect(app.port, '/subscribe?category=a');
  await later.waitForPokes(1);
  await app.append('a-9', message);
  await later.waitForPokes(2);
  expect(later.pokes.map(({ globalPosition }) => globalPosition)).toEqual([1, 4]);
});

test.each([
  ['no content type', {}],
  ['JSON', { 'content-type': 'application/json' }],
  ['a content type that is none', { 'content-type': ';=;' }],
  ['a form', { 'content-type': 'multipart/form-data; boundary=x' }],
])('The body may be sent as %s.', async (_what, headers) => {
  await using app = await startTestApp();
  expect((await importBody(`${app.url}/import`, records(2), headers as Record<string, string>)).events).toEqual([
    done(2),
  ]);
});

test.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('%s is not allowed, and changes nothing.', async (method) => {
  await using app = await startTestApp();
  await app.append('a-1', message);
  const response = await fetch(`${app.url}/import?force=true`, { method });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  expect((await app.get('/streams/a-1')).status).toBe(200);
});

test('An import needs scope write, and a replacement needs scope admin.', async () => {
  await using app = await startTestApp(['--token', admin]);
  const tokens = new Map([['admin', admin]]);
  for (const scope of ['read', 'write']) {
    const response = await fetch(`${app.url}/rpc`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}` },
      body: JSON.stringify(['ns.token.create', 'default', { label: scope, scope }]),
    });
    tokens.set(scope, ((await response.json()) as { token: string }).token);
  }
  const statusOf = async (path: string, scope: string) => {
    const authorization = `Bearer ${tokens.get(scope)}`;
    return (await importBody(`${app.url}${path}`, '', { authorization })).status;
  };
  expect((await importBody(`${app.url}/import`, '')).status).toBe(401);
  expect([await statusOf('/import', 'read'), await statusOf('/import', 'write')]).toEqual([403, 200]);
  expect([await statusOf('/import?force=true', 'write'), await statusOf('/import?force=true', 'admin')]).toEqual([
    403, 200,
  ]);
  const headers = { authorization: `Bearer ${tokens.get('read')}` };
  expect((await fetch(`${app.url}/export`, { headers })).status).toBe(200);
  expect((await fetch(`${app.url}/export`)).status).toBe(401);
});

test('A value of force that is neither true nor false is refused, as is an unknown parameter.', async () => {
  await using app = await startTestApp();
  expect((await importBody(`${app.url}/import?force=yes`, '')).status).toBe(400);
  expect((await importBody(`${app.url}/import?forced=true`, '')).status).toBe(400);
  expect((await importBody(`${app.url}/import?force=false`, '')).status).toBe(200);
  expect((await importBody(`${app.url}/import?force=`, '')).status).toBe(200);
});

test('An import goes into the namespace of its token.', async () => {
  await using app = await startTestApp(['--test-mode']);
  const other = newToken('other');
  await importBody(`${app.url}/import?token=${other}`, records(2));
  expect([await exported(app), await exported(app, `?token=${other}`)]).toEqual([ended(''), ended(records(2))]);
});

test('A connection stays usable after an import that failed while its body was still being sent.', async () => {
  await using app = await startTestApp();
  const sending = new ImportRequest(`${app.url}/import`, { connection: 'keep-alive' });
  await sending.send('{\n');
  await expect.poll(() => sending.events).toMatchObject([{ error: 'INVALID_JSON', line: 1 }]);
  for (let piece = 0; piece < 20; piece++) await sending.send(records(1_000));
  expect((await sending.end(records(1_000))).events).toHaveLength(1);
  expect(await exported(app)).toBe(ended(''));
});

test('An import may take longer than other requests, as long as it makes progress.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '1500']);
  const sending = new ImportRequest(`${app.url}/import`);
  let sent = 0;
  for (const startMs = performance.now(); performance.now() - startMs < 2_000; sent += 1_000) {
    await sending.send(records(1_000, sent + 1));
    await expect.poll(() => sending.events.length, { interval: 5 }).toBe(sent / 1_000 + 1);
  }
  expect((await sending.end()).events.at(-1)).toEqual(done(sent));
});

test('A client that stops sending is cut off, and its incomplete batch is discarded.', async () => {
  await using app = await startTestApp(['--request-timeout-ms', '300']);
  await app.append('old-1', message);
  const before = await exported(app);
  const sending = new ImportRequest(`${app.url}/import?force=true`);
  const answer = expect(sending.answer).rejects.toThrow();
  await sending.send(records(1_000));
  await answer;
  expect(await exported(app)).toBe(before);
});
