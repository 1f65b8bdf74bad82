import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { startAnswering } from '../support/answering-server.ts';
import { ended as endedBy, importBody, recordAt, records } from '../support/import-client.ts';
import { startTestApp } from '../support/start-app.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const message = { type: 'Happened', data: {} };

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, ...env } });
}

async function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

/** Runs a command with this standard input. */
async function run(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = start(args, env);
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return ended(child);
}

/** Peak memory of the process; 0 if the system does not report it. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** A temporary folder, deleted after the test. */
async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'pokewire-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('Export, import into another server through a pipe, export again: the bytes are the same.', async () => {
  await using one = await startTestApp();
  await using two = await startTestApp();
  for (let n = 0; n < 25; n++) await one.append(`account-${n}`, Array(100).fill({ ...message, metadata: { n } }));
  await importBody(`${one.url}/import`, recordAt('fine-1/7@9999', {}, { timeNanos: 123_456, id: 'no UUID' }));
  const exporting = start(['export', '--url', one.url]);
  const importing = start(['import', '--url', two.url]);
  exporting.stdin.end();
  exporting.stdout.pipe(importing.stdin);
  const [imported, exportCode] = await Promise.all([ended(importing), once(exporting, 'close').then(([code]) => code)]);
  expect([exportCode, imported]).toEqual([
    0,
    { code: 0, stdout: expect.stringMatching(/^Imported 2,501 messages in \d+\.\ds\.\n$/), stderr: '' },
  ]);
  const again = await run(['export', '--url', two.url]);
  expect(again).toEqual({ code: 0, stdout: (await one.get('/export')).text, stderr: '' });
});

test('50,000 messages are imported through a pipe, exported to a file and imported again, and the command never holds them all in memory.', async () => {
  await using app = await startTestApp();
  await using files = await folder();
  const [file, again] = [join(files.path, 'one.ndjson'), join(files.path, 'two.ndjson')];
  const padding = 'x'.repeat(2_000);
  const line = (n: number) => recordAt(`many-${n % 100}/${n}@${n}`, { data: { padding } });
  // 110 MB, more than the command's memory may grow.
  const importing = start(['import', '--url', app.url]);
  let atFirstBytes = 0;
  const done = ended(importing);
  for (let n = 1; n <= 50_000; n += 500) {
    const piece = Array.from({ length: 500 }, (_value, index) => line(n + index)).join('');
    if (!importing.stdin.write(piece)) await once(importing.stdin, 'drain');
    if (n < 5_000) atFirstBytes = await residentBytes(importing.pid!);
  }
  expect((await residentBytes(importing.pid!)) - atFirstBytes).toBeLessThan(80_000_000);
  importing.stdin.end();
  expect(await done).toMatchObject({ code: 0, stdout: expect.stringContaining('Imported 50,000 messages') });
  expect(await run(['export', '--url', app.url, '--file', file])).toMatchObject({ code: 0 });
  expect(await run(['import', '--force', '--url', app.url, '--file', file])).toMatchObject({ code: 0 });
  expect(await run(['export', '--url', app.url, '--file', again])).toMatchObject({ code: 0 });
  const bytes = await readFile(file);
  expect([bytes.length > 100_000_000, bytes.equals(await readFile(again))]).toEqual([true, true]);
});

test('An export of a category contains only its messages.', async () => {
  await using app = await startTestApp();
  await importBody(`${app.url}/import`, `${recordAt('a-1/0@1')}${recordAt('b-1/0@2')}`);
  expect((await run(['export', '--url', app.url, '--category', 'b'])).stdout).toBe(endedBy(recordAt('b-1/0@2')));
});

test('A failed import reports the reason, the line and the stored messages, and exits with 1.', async () => {
  await using app = await startTestApp();
  expect(await run(['import', '--url', app.url], `${records(1_200)}{"id":"x"}\n`)).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'pokewire: line 1201: stream is missing or empty (INVALID_RECORD)\nThe first 1,000 messages are stored. Repeat the import to continue: it skips what is already stored.\n',
  });
});

test('A repeated import reports the number of messages that already existed.', async () => {
  await using app = await startTestApp();
  await run(['import', '--url', app.url], records(1_200));
  expect((await run(['import', '--url', app.url], records(1_201))).stdout).toMatch(
    /^Imported 1 message in \d+\.\ds; 1,200 more were already stored\.\n$/,
  );
});

test('A forced import that fails leaves the log unchanged, and says so; a successful one replaces it.', async () => {
  await using app = await startTestApp();
  await app.append('old-1', message);
  const failed = await run(['import', '--force', '--url', app.url], `${records(1_200)}{`);
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/line 1201: .*\nNothing was replaced\.\n$/)]);
  expect((await app.get('/streams')).body.streams).toMatchObject([{ stream: 'old-1' }]);
  expect(await run(['import', '--force', '--url', app.url], endedBy(records(3)))).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect((await app.get('/export')).text).toBe(endedBy(records(3)));
});

test('An import that fails does not wait for the end of its input.', async () => {
  await using app = await startTestApp();
  const child = start(['import', '--url', app.url]);
  child.stdin.on('error', () => {});
  child.stdin.write('{\n');
  expect(await ended(child)).toMatchObject({ code: 1, stderr: expect.stringContaining('line 1: ') });
});

test('The token comes from --token or POKEWIRE_TOKEN, and a refusal by the server is reported.', async () => {
  const token = newToken('default');
  await using app = await startTestApp(['--token', token]);
  const records = recordAt('a-1/0@1');
  expect(await run(['import', '--url', app.url, '--token', token], records)).toMatchObject({ code: 0 });
  expect(await run(['export', '--url', app.url], '', { POKEWIRE_TOKEN: token })).toMatchObject({
    stdout: endedBy(records),
  });
  for (const command of ['export', 'import']) {
    const refused = await run([command, '--url', app.url]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^pokewire: The server answered 401: Pass --token, or set POKEWIRE_TOKEN\. \(AUTH_REQUIRED\)\n$/,
    );
  }
});

test('A token that no header can carry is refused with the name of its setting, without repeating it.', async () => {
  const rule = 'must be printable ASCII without spaces, because it is sent in a header.';
  for (const command of ['export', 'import']) {
    const flag = await run([command, '--token', 'ns_a\nb']);
    expect(flag).toMatchObject({ code: 2, stdout: '', stderr: `pokewire: --token ${rule}\n` });
    const variable = await run([command], '', { POKEWIRE_TOKEN: 'ns_ä' });
    expect(variable).toMatchObject({ code: 2, stdout: '', stderr: `pokewire: POKEWIRE_TOKEN ${rule}\n` });
  }
});

test.each(['export', 'import'])(
  '%s reports that nothing listens, that the server is not Pokewire, or what is wrong with a flag.',
  async (command) => {
    const other = await startAnswering((_request, response) => response.writeHead(404).end('<p>'));
    const { url } = other;
    const stranger = await run([command, '--url', url]);
    await other[Symbol.asyncDispose]();
    const nobody = await run([command, '--url', url]);
    expect([stranger.code, nobody.code]).toEqual([1, 1]);
    expect(stranger.stderr).toBe('pokewire: The server answered 404: It may not be Pokewire.\n');
    expect(nobody.stderr).toBe(`pokewire: Cannot reach ${url}: nothing listens there (connection refused).\n`);
    const [flag, address, help] = await Promise.all([
      run([command, '--urk', 'x']),
      run([command, '--url', 'ftp://x']),
      run([command, '--help']),
    ]);
    expect([flag.code, flag.stderr]).toEqual([2, expect.stringContaining("Unknown option '--urk'")]);
    expect([address.code, address.stderr]).toEqual([2, expect.stringContaining('--url must be a URL such as')]);
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining(`pokewire ${command} [FLAGS]`)]);
  },
);

test('A server that ends during an export is reported, and the file of an earlier export is unchanged.', async () => {
  await using files = await folder();
  const file = join(files.path, 'log.ndjson');
  await writeFile(file, 'earlier');
  await using broken = await startAnswering((request, response) => {
    request.resume();
    response.write(request.method === 'GET' ? records(10) : 'data: {"imported":1000,"gpos":7}\n\n', () =>
      response.destroy(),
    );
  });
  const { url } = broken;
  const exported = await run(['export', '--url', url, '--file', file]);
  const imported = await run(['import', '--url', url], records(10));
  expect([exported.code, exported.stderr]).toEqual([
    1,
    `pokewire: The connection to ${url} ended before the export was complete.\n`,
  ]);
  expect(await readFile(file, 'utf8')).toBe('earlier');
  await expect(access(`${file}.part`)).rejects.toThrow();
  expect([imported.code, imported.stderr]).toEqual([
    1,
    `pokewire: The connection to ${url} ended before the import was complete.\nThe first 1,000 messages are stored. Repeat the import to continue: it skips what is already stored.\n`,
  ]);
});

test('A file that cannot be read or written is reported.', async () => {
  await using app = await startTestApp();
  await using files = await folder();
  const missing = join(files.path, 'none', 'log.ndjson');
  const imported = await run(['import', '--url', app.url, '--file', missing]);
  const exported = await run(['export', '--url', app.url, '--file', missing]);
  expect([imported.code, imported.stderr]).toEqual([1, expect.stringContaining(`Cannot read ${missing}: ENOENT`)]);
  expect([exported.code, exported.stderr]).toEqual([1, expect.stringContaining(`Cannot write ${missing}: ENOENT`)]);
});

test('An export whose reader closes the pipe ends silently.', async () => {
  await using app = await startTestApp();
  await importBody(`${app.url}/import`, records(20_000));
  const child = start(['export', '--url', app.url]);
  const [stderr, closed] = [text(child.stderr), once(child, 'close')];
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect([(await closed)[0], await stderr]).toEqual([1, '']);
});

test('--help of the server names the commands.', async () => {
  const { stdout } = await run(['--help']);
  for (const { name } of verbs) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
});

test('Control characters from another server never reach the terminal.', async () => {
  const nasty = 'no\u001b]0;owned\u0007 \u009b31m\u202e\r\nImported 9 messages';
  await using server = await startAnswering((request, response) => {
    request.resume();
    if (request.url?.startsWith('/import')) {
      response.end(`data: ${JSON.stringify({ error: nasty, message: nasty, line: 1 })}\n\n`);
    } else response.writeHead(403).end(JSON.stringify({ error: { code: nasty, message: nasty } }));
  });
  for (const command of ['export', 'import']) {
    const { code, stderr, stdout } = await run([command, '--url', server.url]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('owned');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stderr).not.toContain('\nImported');
  }
});
