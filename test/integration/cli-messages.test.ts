import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { startAnswering } from '../support/answering-server.ts';
import { importBody, recordAt, records } from '../support/import-client.ts';
import { runHere } from '../support/run-command.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const on = (app: TestApp, ...args: string[]) => [...args, '--url', app.url];
const linesOf = (text: string) => text.split('\n').slice(0, -1);
const positionsOf = (text: string) => linesOf(text).map((line) => JSON.parse(line).globalPosition);

describe('append', () => {
  test('stores a message given on the command line, with its digits, and prints its position.', async () => {
    await using app = await startTestApp();
    const data = '{"amount":1.0,"big":12345678901234567890}';
    expect(await runHere('append', on(app, 'account-1', 'Deposited', data, '--metadata', '{"a":1}'))).toEqual({
      code: 0,
      stdout: 'Appended 1 message, at account-1@0, global position 1.\n',
      stderr: '',
    });
    expect(await runHere('append', on(app, 'account-1', 'Closed', '--json'))).toMatchObject({
      stdout: '{"stream":"account-1","position":1,"globalPosition":2,"count":1}\n',
    });
    const { text } = await app.get('/streams/account-1/messages');
    expect(text).toContain(data);
    expect(JSON.parse(text)).toMatchObject([{ metadata: { a: 1 } }, { type: 'Closed', data: {} }]);
  });

  test('stores the messages of its input together, or none of them.', async () => {
    await using app = await startTestApp();
    const good = '{"type":"A","data":{}}\n{"type":"B","data":{"x":1}}\n';
    expect((await runHere('append', on(app, 'a-1'), good)).stdout).toBe(
      'Appended 2 messages, up to a-1@1, global position 2.\n',
    );
    const bad = await runHere('append', on(app, 'a-1'), `${good}{"data":{}}\n`);
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/^pokewire: The server answered 400: .*type/)]);
    expect((await app.get('/streams/a-1')).body.messageCount).toBe(2);
  });

  test('reads data from its input if that is -, and uses the given id for the message.', async () => {
    await using app = await startTestApp();
    const args = on(app, 'a-1', 'A', '-', '--id', '01a21c48-f5eb-765d-97ef-2b3c500d07eb');
    expect([(await runHere('append', args, '{"x":1}')).code, (await runHere('append', args, '{"x":1}')).code]).toEqual([
      0, 0,
    ]);
    expect((await app.get('/streams/a-1/messages')).body).toMatchObject([{ data: { x: 1 } }]);
  });

  test('reports the stream’s version if it differs from the expected one.', async () => {
    await using app = await startTestApp();
    const { code, stderr } = await runHere('append', on(app, 'a-1', 'A', '--expected-version=3'));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/409: .*\(STREAM_VERSION_CONFLICT\)\n$/)]);
  });

  test.each([
    [['a-1', 'A', '{x'], '', 'DATA is not JSON such as {"amount":100}.'],
    [['a-1', 'A', '{}', '--metadata', 'x'], '', '--metadata is not JSON'],
    [['a-1', 'A', '{}', '--expected-version', '-2'], '', '--expected-version cannot be "-2"'],
    [['a-1'], '{"type":"A"}\n{', 'line 2 of the input is not JSON'],
    [['a-1', '--id', 'x'], '', 'TYPE is missing'],
    [['a-1', '{"amount":100}'], '', 'TYPE is missing before the data'],
    [[], '', 'STREAM is missing'],
  ])('that is called wrongly says so: %j.', async (args, input, sentence) => {
    const { code, stdout, stderr } = await runHere('append', args, input);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pokewire: [^\n]+\n$/);
    expect(stderr).toContain(sentence);
  });
});

describe('read', () => {
  /** Messages one second apart. */
  const startWithLog = async () => {
    const app = await startTestApp();
    const lines = Array.from({ length: 900 }, (_, n) => {
      const time = new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
      return recordAt(`${n % 3 === 0 ? 'rare' : 'often'}-${n % 7}/${n}@${(n + 1) * 10}`, { time });
    });
    await importBody(`${app.url}/import`, lines.join(''));
    return app;
  };

  test('prints the messages of the server one by one, over any number of pages.', async () => {
    await using app = await startTestApp();
    await importBody(`${app.url}/import`, records(1_001));
    const { stdout, code, stderr } = await runHere('read', on(app, 'all', '--json'));
    expect([code, stderr]).toEqual([0, '']);
    expect(positionsOf(stdout)).toEqual(Array.from({ length: 1_001 }, (_, n) => n + 1));
    const [stream] = JSON.parse(linesOf(stdout)[0]!).stream.split('-');
    const byCategory = await runHere('read', on(app, `category:${stream}`, '--json'));
    expect(byCategory.stdout).toBe(stdout);
  });

  test('prints the same line for a message by stream, category and all.', async () => {
    await using app = await startTestApp();
    await app.append('account-1', '{"type":"A","data":{"x":1.0,"t":"],[\\\\"},"metadata":{"y":-0}}');
    const all = await runHere('read', on(app, 'all', '--json'));
    expect(all.stdout).toBe(`${(await app.get('/streams/account-1/messages')).text.slice(1, -1)}\n`);
    for (const what of ['account-1', 'category:account', 'stream:account-1']) {
      expect(await runHere('read', on(app, what, '--json'))).toEqual(all);
    }
    const { stdout } = await runHere('read', on(app, 'all'));
    const { time } = JSON.parse(all.stdout);
    expect(stdout).toBe(`1  ${time}  account-1@0  A  {"x":1.0,"t":"],[\\\\"}  {"y":-0}\n`);
  });

  test('starts at a position, with the last messages, or at a time, and stops after a number of messages.', async () => {
    await using app = await startWithLog();
    const read = async (...args: string[]) => positionsOf((await runHere('read', on(app, ...args, '--json'))).stdout);
    expect(await read('category:rare', '--position', '8950')).toEqual([8_950, 8_980]);
    expect(await read('category:rare', '-n', '3')).toEqual([8_920, 8_950, 8_980]);
    expect(await read('category:rare', '-n', '1000')).toHaveLength(300);
    expect(await read('all', '--last', '2')).toEqual([8_990, 9_000]);
    expect(await read('category:often', '--since', '2026-01-01T00:14:57Z')).toEqual([8_990, 9_000]);
    expect(await read('category:often', '--since', '2026-01-01T00:15:00Z')).toEqual([]);
    expect(await read('category:often', '--since', '2025-01-01', '--limit', '2')).toEqual([20, 30]);
    expect(await read('rare-6', '-n', '2')).toEqual((await read('rare-6')).slice(-2));
    expect(await read('category:nothing', '-n', '2')).toEqual([]);
  });

  test('ends silently when its reader stops reading.', async () => {
    await using app = await startTestApp();
    await importBody(`${app.url}/import`, records(2_000));
    await using reading = new SpokenProcess(on(app, 'read', 'all'), {}, { isDeaf: true });
    expect([await reading.exit, reading.stderr]).toEqual([0, '']);
  });

  test('uses no colours unless it writes to a terminal.', async () => {
    await using app = await startTestApp();
    await app.append('a-1', { type: 'A', data: {} });
    await using reading = new SpokenProcess(on(app, 'read', 'all'));
    await reading.exit;
    expect(reading.stdout).toMatch(/^1 {2}\S+ {2}a-1@0 {2}A {2}\{\}\n$/);
  });

  test('reads address and token from variables.', async () => {
    const token = newToken('default');
    await using app = await startTestApp(['--token', token]);
    const env = { POKEWIRE_URL: app.url, POKEWIRE_TOKEN: token };
    expect(await runHere('read', ['all'], '', undefined, env)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await runHere('read', ['all'], '', undefined, { POKEWIRE_URL: 'nowhere' })).toMatchObject({
      code: 2,
      stderr: 'pokewire: POKEWIRE_URL must be a URL such as http://localhost:8080, got "nowhere"\n',
    });
  });

  test.each([
    [['account'], '"account" is ambiguous: use category:account or stream:account.'],
    [['all', '--since', 'x'], '--since cannot be "x"'],
    [['all', '--since', '2h', '--last', '1'], '--position, --since and --last all set the start: use one of them.'],
    [['all', '--limit', '0'], '--limit cannot be "0". It is an integer from 1 to'],
  ])('that is called wrongly says so: %j.', async (args, sentence) => {
    const { code, stderr } = await runHere('read', args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
  });
});

test('streams lists streams by prefix, or categories, page by page.', async () => {
  await using app = await startTestApp();
  const lines = Array.from({ length: 1_500 }, (_, n) => recordAt(`many-${String(n).padStart(4, '0')}/0@${n + 1}`));
  await importBody(`${app.url}/import`, `${lines.join('')}${recordAt('other-1/0@9999')}`);
  const all = linesOf((await runHere('streams', on(app, '--json'))).stdout).map((line) => JSON.parse(line).stream);
  expect([all.length, new Set(all).size, all.at(-1)]).toEqual([1_501, 1_501, 'other-1']);
  const { lastActivity } = (await app.get('/streams/other-1')).body;
  expect((await runHere('streams', on(app, 'other'))).stdout).toBe(`other-1  1 message  ${lastActivity}\n`);
  expect((await runHere('streams', on(app, '--categories'))).stdout).toBe(
    'many  1,500 streams  1,500 messages\nother  1 stream  1 message\n',
  );
  expect((await runHere('streams', on(app, 'o', '--categories'))).stdout).toBe('other  1 stream  1 message\n');
});

test('token creates tokens, lists them without their texts, and revokes them.', async () => {
  const admin = newToken('default');
  await using app = await startTestApp(['--token', admin]);
  const run = (name: string, ...args: string[]) => runHere(name, on(app, ...args, '--token', admin));
  const created = await run('token create', '--scope', 'write', '--label', 'for tests', '--expires', '2h');
  const token = created.stdout.trim();
  expect((await runHere('append', on(app, 'a-1', 'A', '--token', token))).code).toBe(0);
  const listed = await run('token list');
  expect(listed.stdout).not.toContain(token);
  expect(listed.stdout).toMatch(/^\S+ {2}write {2}created \S+ {2}expires \S+ {2}for tests$/m);
  const entries = linesOf((await run('token list', '--json')).stdout).map((line) => JSON.parse(line));
  const { tokenId } = entries.find(({ label }) => label === 'for tests');
  expect(await run('token revoke', tokenId)).toEqual({ code: 0, stdout: `Revoked ${tokenId}.\n`, stderr: '' });
  expect((await runHere('append', on(app, 'a-1', 'A', '--token', token))).stderr).toMatch(/AUTH_UNAUTHORIZED/);
  expect((await run('token create', '--scope', 'root')).stderr).toBe(
    'pokewire: --scope cannot be "root". It is one of read, write, admin.\n',
  );
});

test('token generate creates one that a server starts with.', async () => {
  const { stdout } = await runHere('token generate', []);
  await using app = await startTestApp(['--token', stdout.trim()]);
  expect((await runHere('read', on(app, 'all', '--token', stdout.trim()))).code).toBe(0);
});

test.each([
  ['append', ['a-1', 'Happened']],
  ['read', ['a-1']],
  ['streams', []],
  ['token list', []],
  ['token create', []],
  ['doctor', []],
])('"%s" says so when a server answers with JSON that is not the answer.', async (name, words) => {
  for (const answer of ['{}', 'null']) {
    await using other = await startAnswering((_request, response) => response.end(answer));
    expect(await runHere(name, [...words, '--url', other.url])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'pokewire: The answer lacks the requested data. The server may not be Pokewire.\n',
    });
  }
});
