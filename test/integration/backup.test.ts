import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import type { BackupOutcome } from '../../src/store/backup.ts';
import type { StoreCapabilities } from '../../src/store/capabilities.ts';
import { startAnswering } from '../support/answering-server.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';
import { runHere } from '../support/run-command.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const message = { type: 'Happened', data: {} };

/** Starts a server with a file in this folder. */
const startOn = (path: string, ...flags: string[]) => startTestApp(['--store', `sqlite:${path}`, ...flags]);

/** Runs `pokewire backup` in this process. */
const backUp = (args: readonly string[], interrupted = new AbortController()) =>
  runHere('backup', args, '', interrupted);

const supported = new FakeStore({ pokes: pokePool() }).capabilities;

/** A store with generated copies. */
class CopyingStore extends FakeStore {
  override readonly capabilities: StoreCapabilities = { ...supported, backups: true };
  make: (cancelled: AbortSignal) => Promise<BackupOutcome> = async () => ({ outcome: 'under-way' });

  override backup(cancelled: AbortSignal): Promise<BackupOutcome> {
    return this.make(cancelled);
  }
}

/** Starts a server whose backups come from this function. */
function startCopying(make: CopyingStore['make'], flags: string[] = [], errors: string[] = []): Promise<TestApp> {
  return startTestApp(flags, {
    openStore: async (_url, options) => Object.assign(new CopyingStore(options), { make }),
    log: pino({ level: 'error' }, { write: (line) => void errors.push(line) }),
  });
}

const post = (app: TestApp, token?: string) =>
  fetch(`${app.url}/backup`, {
    method: 'POST',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

test('A server started on a backup has all data, and delivers everything again to earlier subscribers.', async () => {
  using folder = new TemporaryFolder();
  const [path, copy] = [folder.file('a.db'), folder.file('copy.db')];
  await using app = await startOn(path);
  for (let n = 0; n < 3; n++) await app.append('a-1', message);
  expect(await backUp([copy, '--url', app.url])).toEqual({ code: 0, stdout: '', stderr: '' });
  // Cursors that the copy must not accept: there, positions 4 and 5 become other messages.
  for (let n = 0; n < 2; n++) await app.append('a-1', message);
  await using before = await SseClient.connect(app.port, '/subscribe?category=a');
  await before.waitForPokes(5);
  const cursor = before.pokes.at(-1)!.id;
  const messages = (await app.get('/streams/a-1/messages')).body.slice(0, 3);

  await using restored = await startOn(copy);
  expect((await restored.get('/streams/a-1/messages')).body).toEqual(messages);
  for (let n = 0; n < 3; n++) await restored.append('a-1', message);
  await using after = await SseClient.connect(restored.port, '/subscribe?category=a', {
    headers: { 'last-event-id': cursor },
  });
  await after.waitForPokes(6);
  expect(after.pokes.map(({ globalPosition }) => globalPosition)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('A backup is an attachment with its length and a name with the time, and leaves no file on the server.', async () => {
  using folder = new TemporaryFolder();
  await using app = await startOn(folder.file('a.db'));
  const response = await post(app);
  const body = Buffer.from(await response.arrayBuffer());
  const { headers } = response;
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(Number(headers.get('content-length'))).toBe(body.length);
  expect(headers.get('content-disposition')).toMatch(
    /^attachment; filename="pokewire-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.db"$/,
  );
  expect(body.toString('latin1', 0, 15)).toBe('SQLite format 3');
  expect(readdirSync(folder.path).filter((name) => name.includes('backup'))).toEqual([]);
});

test('Only admins of `default` make backups, which hold all namespaces.', async () => {
  const token = newToken('default');
  await using app = await startCopying(async () => ({ outcome: 'under-way' }), ['--token', token]);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const rpc = async (...call: unknown[]) =>
    (await fetch(`${app.url}/rpc`, { method: 'POST', headers, body: JSON.stringify(call) })).json();
  const { token: tenant } = (await rpc('ns.create', 'tenant')) as { token: string };
  expect((await post(app)).status).toBe(401);
  expect((await post(app, tenant)).status).toBe(403);
  expect((await post(app, token)).status).toBe(429);
});

test('A second backup, or one without enough space, is refused with the remedy.', async () => {
  let outcome: BackupOutcome = { outcome: 'under-way' };
  await using app = await startCopying(async () => outcome);
  const busy = await post(app);
  expect([busy.status, Number(busy.headers.get('retry-after')) >= 10]).toEqual([429, true]);
  outcome = { outcome: 'no-room', neededBytes: 1_000, freeBytes: 10 };
  const full = await post(app);
  expect([full.status, ((await full.json()) as { error: { details: unknown } }).error.details]).toEqual([
    507,
    { limit: 'disk', neededBytes: 1_000, freeBytes: 10 },
  ]);
});

test.each(['1.0', '1.1'] as const)(
  'A backup that cannot be read to its end breaks the connection and has no end: HTTP/%s',
  async (httpVersion) => {
    await using app = await startCopying(async () => {
      const content = Readable.from(
        (function* () {
          yield Buffer.alloc(1_000);
          throw new Error('the disk is gone');
        })(),
      );
      return { outcome: 'copied', copy: { bytes: 1_500, extension: 'db', content } };
    });
    await using client = await SseClient.connect(app.port, '/backup', { httpVersion, method: 'POST' });
    expect((await client.closed) as NodeJS.ErrnoException | undefined).toMatchObject({ code: 'ECONNRESET' });
  },
);

test('A backup ends when its client leaves, while it is made or read, and no error is logged.', async () => {
  const errors: string[] = [];
  const cancelled = Promise.withResolvers<void>();
  const content = new PassThrough();
  content.write(Buffer.alloc(1_000));
  let isMade = false;
  await using app = await startCopying(
    async (signal) => {
      if (isMade) return { outcome: 'copied', copy: { bytes: 1_000_000, extension: 'db', content } };
      await once(signal, 'abort');
      cancelled.resolve();
      throw signal.reason;
    },
    [],
    errors,
  );
  const begin = () => request(`${app.url}/backup`, { method: 'POST' }).on('error', () => {});
  const making = begin();
  making.end();
  await expect.poll(() => app.transfers.underWay.size).toBe(1);
  making.destroy();
  await cancelled.promise;
  await expect.poll(() => app.transfers.underWay.size).toBe(0);

  isMade = true;
  const taking = begin();
  taking.end();
  await once(taking, 'response');
  taking.destroy();
  await expect.poll(() => content.destroyed).toBe(true);
  expect(errors).toEqual([]);
});

test('A backup ends when the token that requested it is revoked.', async () => {
  const token = newToken('default');
  const content = new PassThrough();
  content.write(Buffer.alloc(1_000));
  const copied: BackupOutcome = { outcome: 'copied', copy: { bytes: 1_000_000, extension: 'db', content } };
  await using app = await startCopying(async () => copied, ['--token', token]);
  const response = await post(app, token);
  for (const transfer of app.transfers.underWay) transfer.end('revoked');
  await expect(response.arrayBuffer()).rejects.toThrow();
  expect(content.destroyed).toBe(true);
});

test('A backup of a store in memory is refused with 501, also by the command.', async () => {
  using folder = new TemporaryFolder();
  await using app = await startTestApp();
  const response = await post(app);
  expect([response.status, await response.json()]).toMatchObject([
    501,
    { error: { code: 'NOT_SUPPORTED', message: 'The memory store cannot make backups.' } },
  ]);
  expect(await backUp([folder.file('copy.db'), '--url', app.url])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'pokewire: The server answered 501: The memory store cannot make backups. (NOT_SUPPORTED)\n',
  });
  expect(readdirSync(folder.path)).toEqual([]);
});

test('The command keeps the previous file when the backup is incomplete, whatever hides that.', async () => {
  using folder = new TemporaryFolder();
  const copy = folder.file('copy.db');
  writeFileSync(copy, 'earlier');
  for (const headers of [{ 'content-length': '1500' }, {}]) {
    await using source = await startAnswering((_request, response) => {
      response.writeHead(200, headers).write(Buffer.alloc(1_000));
      // Without a length this is a regular end, as some proxies produce.
      if ('content-length' in headers) response.socket!.end();
      else response.end();
    });
    expect(await backUp([copy, '--url', source.url])).toEqual({
      code: 1,
      stdout: '',
      stderr: `pokewire: The connection to ${source.url} ended before the backup was complete.\n`,
    });
  }
  expect([readFileSync(copy, 'utf8'), readdirSync(folder.path)]).toEqual(['earlier', ['copy.db']]);
});

test('The command never overwrites the file of a store that may be running.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('a.db');
  await using app = await startOn(path);
  const refused = await backUp([path, '--url', app.url]);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    `pokewire: ${path} belongs to a store, because ${path}-lock exists. Choose another file.\n`,
  ]);
});

test.each([
  [[], 'FILE is missing; see "pokewire help backup".'],
  [['a', 'b'], 'Unexpected argument "b": too many arguments; "pokewire help backup" lists the flags.'],
  [['a', '--category', 'b'], `Unknown option '--category'; "pokewire help backup" lists the flags.`],
])('The command that is called wrongly says so: %j', async (args, sentence) => {
  expect(await backUp(args)).toEqual({ code: 2, stdout: '', stderr: `pokewire: ${sentence}\n` });
});
