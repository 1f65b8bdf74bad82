import { execFile } from 'node:child_process';
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startAnswering } from '../support/answering-server.ts';
import { ended, importBody, records } from '../support/import-client.ts';
import { runHere as run } from '../support/run-command.ts';
import { startTestApp } from '../support/start-app.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** A server with three messages, and a folder, both closed after the test. */
async function startWithFolder() {
  const app = await startTestApp();
  await importBody(`${app.url}/import`, records(3));
  const folder = await mkdtemp(join(tmpdir(), 'pokewire-'));
  return {
    app,
    whole: ended(records(3)),
    folder,
    file: join(folder, 'log.ndjson'),
    async [Symbol.asyncDispose]() {
      await app.close();
      await rm(folder, { recursive: true });
    },
  };
}

const toText = async (app: { get(path: string): Promise<{ text: string }> }) => (await app.get('/export')).text;

test('No more than 64 KiB of an error body of another server is read.', async () => {
  const sent = Promise.withResolvers<number>();
  await using source = await startAnswering((_request, response) => {
    response.writeHead(502);
    let bytes = 0;
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x'))) bytes += 65_536;
    };
    response.on('drain', more).on('close', () => sent.resolve(bytes));
    more();
  });
  expect(await run('export', ['--url', source.url])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'pokewire: The server answered 502: It may not be Pokewire.\n',
  });
  // Plus what the sockets of both sides buffer.
  expect(await sent.promise).toBeLessThan(64 * 1_048_576);
});

test('A forced import of an export that could not begin leaves the log unchanged, and gives the reason.', async () => {
  await using started = await startWithFolder();
  const exported = await run('export', ['--url', 'http://localhost:1']);
  const imported = await run('import', ['--force', '--url', started.app.url], exported.stdout);
  expect([exported.code, imported.code, imported.stdout]).toEqual([1, 1, '']);
  expect(imported.stderr).toMatch(
    /^pokewire: The input has no records, .*--allow-incomplete.*\nNothing was replaced\.\n$/,
  );
  expect(await toText(started.app)).toBe(started.whole);
});

test.each([
  [0, ''],
  [1, '\n'],
  [4, '\n'],
  [8, '\n'],
  [8, '\n{"id":"cu'],
])(
  'A forced import of an export whose source is killed after %i of 9 records and %j replaces nothing.',
  async (sent, behind) => {
    await using started = await startWithFolder();
    const lines = ended(records(9)).split('\n');
    await using source = await startAnswering((_request, response) => {
      response.write(lines.slice(0, sent).join('\n') + behind, () => response.destroy());
    });
    const exported = await run('export', ['--url', source.url]);
    const imported = await run('import', ['--force', '--url', started.app.url], exported.stdout);
    expect([exported.code, imported.code]).toEqual([1, 1]);
    expect(imported.stderr).toMatch(/\((INCOMPLETE|INVALID_JSON)\)\nNothing was replaced\.\n$/);
    expect(await toText(started.app)).toBe(started.whole);
  },
);

test('An export that ends regularly without its end record is incomplete, as when a proxy hides that the source failed.', async () => {
  await using source = await startAnswering((_request, response) => response.end(records(9)));
  expect(await run('export', ['--url', source.url])).toEqual({
    code: 1,
    stdout: records(9),
    stderr: `pokewire: The connection to ${source.url} ended before the export was complete.\n`,
  });
});

test('An export without messages is complete if it has its end record, and passes through the pipe.', async () => {
  await using started = await startWithFolder();
  await using empty = await startTestApp();
  const exported = await run('export', ['--url', empty.url]);
  expect(exported).toEqual({ code: 0, stdout: ended(''), stderr: '' });
  const imported = await run('import', ['--url', started.app.url], exported.stdout);
  expect([imported.code, imported.stderr, await toText(started.app)]).toEqual([0, '', started.whole]);
  await using broken = await startAnswering((_request, response) => response.end());
  expect(await run('export', ['--url', broken.url])).toMatchObject({ code: 1, stdout: '' });
});

test('A forced import accepts incomplete input on request, and an import that adds messages reports a missing end.', async () => {
  await using started = await startWithFolder();
  const args = ['--url', started.app.url];
  const added = await run('import', args, records(4));
  expect([added.code, added.stderr]).toEqual([
    0,
    'pokewire: The input lacks the end record of an export, so it may be incomplete.\n',
  ]);
  const forced = await run('import', [...args, '--force', '--allow-incomplete'], records(2));
  expect([forced.code, forced.stderr, await toText(started.app)]).toEqual([0, '', ended(records(2))]);
});

test('An export replaces a file in one step, and keeps its mode.', async () => {
  await using started = await startWithFolder();
  const { app, file, folder, whole } = started;
  await writeFile(file, 'earlier');
  await chmod(file, 0o640);
  const { ino } = await stat(file);
  expect(await run('export', ['--url', app.url, '--file', file])).toEqual({ code: 0, stdout: '', stderr: '' });
  const after = await stat(file);
  expect([await readFile(file, 'utf8'), after.mode & 0o777, after.ino === ino]).toEqual([whole, 0o640, false]);
  expect(await readdir(folder)).toEqual(['log.ndjson']);
});

test('An export to a link replaces the link’s target, and a dangling link is refused.', async () => {
  await using started = await startWithFolder();
  const { app, file, folder, whole } = started;
  const [link, dangling] = [join(folder, 'link'), join(folder, 'dangling')];
  await writeFile(file, 'earlier');
  await symlink('log.ndjson', link);
  await symlink('nothing', dangling);
  expect((await run('export', ['--url', app.url, '--file', link])).code).toBe(0);
  expect([(await lstat(link)).isSymbolicLink(), await readFile(file, 'utf8')]).toEqual([true, whole]);
  const refused = await run('export', ['--url', app.url, '--file', dangling]);
  expect([refused.code, refused.stderr]).toEqual([1, `pokewire: ${dangling} is a dangling symbolic link.\n`]);
});

test('An export to a folder is refused, and one to a full device fails.', async () => {
  await using started = await startWithFolder();
  const { app, folder } = started;
  const ofFolder = await run('export', ['--url', app.url, '--file', folder]);
  expect([ofFolder.code, ofFolder.stderr]).toEqual([
    1,
    `pokewire: ${folder} is not a regular file, so it cannot be replaced.\n`,
  ]);
  const full = await run('export', ['--url', app.url, '--file', '/dev/full']);
  expect([full.code, full.stderr]).toEqual([1, 'pokewire: Cannot write /dev/full: ENOSPC: no space left on device\n']);
});

test.each([
  ['export', '--file='],
  ['backup', ''],
] as const)('%s that finds nothing to write to leaves its connection, so the command ends.', async (name, flag) => {
  const left = Promise.withResolvers<void>();
  await using source = await startAnswering((_request, response) => {
    response.on('close', left.resolve);
    response.write(records(1));
  });
  await using started = await startWithFolder();
  expect((await run(name, ['--url', source.url, `${flag}${started.folder}`])).code).toBe(1);
  await left.promise;
});

test('An export to /dev/stdout is written to the output of the process.', async () => {
  await using started = await startWithFolder();
  const { stdout } = await run('export', ['--url', started.app.url, '--file', '/dev/stdout']);
  expect(stdout).toBe(started.whole);
});

test('If the disk becomes full during an export, the previous file is unchanged and no partial file is left.', async () => {
  await using started = await startWithFolder();
  const { app, file, folder } = started;
  await writeFile(file, 'earlier');
  // The command's files may not grow; its messages go to a pipe.
  const line = `ulimit -f 0; exec "$0" "$1" export --url ${app.url} --file ${file}`;
  const failed = await promisify(execFile)('sh', ['-c', line, process.execPath, main]).catch((error) => error);
  expect([failed.code, failed.stderr]).toEqual([1, `pokewire: Cannot write ${file}: EFBIG: file too large\n`]);
  expect([await readFile(file, 'utf8'), await readdir(folder)]).toEqual(['earlier', ['log.ndjson']]);
});

test('If an export is interrupted, the previous file is unchanged and no partial file is left.', async () => {
  await using started = await startWithFolder();
  const { file, folder } = started;
  await writeFile(file, 'earlier');
  const interrupted = new AbortController();
  await using source = await startAnswering((_request, response) => {
    response.write(records(9));
  });
  const running = run('export', ['--url', source.url, '--file', file], '', interrupted);
  await expect.poll(() => readdir(folder)).toHaveLength(2);
  interrupted.abort();
  expect(await running).toEqual({ code: 1, stdout: '', stderr: 'pokewire: Interrupted.\n' });
  expect([await readFile(file, 'utf8'), await readdir(folder)]).toEqual(['earlier', ['log.ndjson']]);
});
