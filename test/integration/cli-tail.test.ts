import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { freePort } from '../support/free-port.ts';
import { importBody, recordAt } from '../support/import-client.ts';
import { runHere } from '../support/run-command.ts';
import { SpokenProcess, unprotected } from '../support/spoken-process.ts';
import { startTestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const poll = <T>(read: () => T) => expect.poll(read, { timeout: 100_000 });

/** `pokewire tail` in a separate process. */
const tail = (url: string, ...args: string[]) => new SpokenProcess(['tail', '--url', url, '--json', ...args]);

/** Lines printed so far. */
const printed = ({ stdout }: SpokenProcess) =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const { stream, position } = JSON.parse(line);
      return `${stream}@${position}`;
    });

async function append(url: string, stream: string): Promise<void> {
  const response = await fetch(`${url}/streams/${stream}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"type":"Happened","data":{}}',
  });
  expect(response.status).toBe(201);
}

describe('tail', () => {
  test('prints the last messages of its selection and each new one, until it is interrupted, which is not a failure.', async () => {
    await using app = await startTestApp();
    for (const stream of ['a-1', 'a-2', 'b-1', 'a-1']) await append(app.url, stream);
    await using tailing = tail(app.url, 'category:a', '-n', '2');
    await poll(() => printed(tailing)).toEqual(['a-2@0', 'a-1@1']);
    await append(app.url, 'b-1');
    await append(app.url, 'a-3');
    await poll(() => printed(tailing)).toEqual(['a-2@0', 'a-1@1', 'a-3@0']);
    tailing.kill('SIGINT');
    expect([await tailing.exit, tailing.stderr]).toEqual([0, '']);
  });

  test.each([
    ['a-1', ['a-1@0', 'a-1@1']],
    ['all', ['a-1@0', 'b-1@0', 'a-1@1', 'b-1@1']],
  ])('of %s goes on from where it began to print, also while it is not subscribed yet.', async (what, expected) => {
    await using app = await startTestApp();
    for (const stream of ['a-1', 'b-1']) await append(app.url, stream);
    await using tailing = tail(app.url, what);
    await poll(() => printed(tailing).length).toBeGreaterThan(0);
    for (const stream of ['a-1', 'b-1']) await append(app.url, stream);
    await poll(() => printed(tailing)).toEqual(expected);
  });

  test('starts at a time, or with new messages only.', async () => {
    await using app = await startTestApp();
    const times = ['2026-01-01T00:00:00.000Z', new Date(Date.now() - 60_000).toISOString()];
    await importBody(`${app.url}/import`, times.map((time, n) => recordAt(`a-1/${n}@${n + 1}`, { time })).join(''));
    await using since = tail(app.url, 'category:a', '--since', '1h');
    await poll(() => printed(since)).toEqual(['a-1@1']);
    await using none = tail(app.url, 'category:a', '-n', '0');
    await poll(() => app.hub.subscriptions.size).toBe(2);
    await append(app.url, 'a-1');
    await poll(() => printed(none)).toEqual(['a-1@2']);
    await poll(() => printed(since)).toEqual(['a-1@1', 'a-1@2']);
  });

  test('continues after its last message when the server was killed and restarted, and reports the interruption.', async () => {
    using folder = new TemporaryFolder();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const flags = ['--host', '127.0.0.1', '--port', String(port), '--store', `sqlite:${folder.file('a.db')}`];
    await using first = new SpokenProcess(flags, unprotected);
    await first.listening();
    await append(url, 'a-1');
    await using tailing = tail(url, 'category:a');
    await append(url, 'a-1');
    await poll(() => printed(tailing)).toEqual(['a-1@0', 'a-1@1']);
    // The subscription is open, so the following messages arrive as pokes.
    await append(url, 'a-1');
    await poll(() => printed(tailing)).toHaveLength(3);
    first.kill('SIGKILL');
    await poll(() => tailing.stderr).toMatch(/^pokewire: Lost the connection \([^\n]+[^.]\); trying again\.\n$/);
    await using second = new SpokenProcess(flags, unprotected);
    await second.listening();
    for (let n = 0; n < 3; n++) await append(url, 'a-1');
    await poll(() => printed(tailing)).toEqual([0, 1, 2, 3, 4, 5].map((n) => `a-1@${n}`));
    await poll(() => tailing.stderr).toMatch(/\npokewire: Connected again\.\n$/);
    tailing.kill('SIGTERM');
    expect(await tailing.exit).toBe(0);
  });

  test('reports that the server has another log, and prints that from its beginning.', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const flags = ['--host', '127.0.0.1', '--port', String(port)];
    await using first = new SpokenProcess(flags, unprotected);
    await first.listening();
    for (const stream of ['a-1', 'a-2']) await append(url, stream);
    await using tailing = tail(url, 'category:a');
    await poll(() => printed(tailing)).toEqual(['a-1@0', 'a-2@0']);
    await append(url, 'a-3');
    await poll(() => printed(tailing)).toHaveLength(3);
    first.kill('SIGKILL');
    await first.exit;
    await using second = new SpokenProcess(flags, unprotected);
    await second.listening();
    await append(url, 'a-9');
    await poll(() => printed(tailing)).toEqual(['a-1@0', 'a-2@0', 'a-3@0', 'a-9@0']);
    const notice = 'pokewire: The server has a new log, which is printed from the beginning.\n';
    await poll(() => tailing.stderr).toContain(notice);
  });

  test('ends silently when its reader stops reading.', async () => {
    await using app = await startTestApp();
    await append(app.url, 'a-1');
    await using tailing = new SpokenProcess(['tail', 'all', '--url', app.url], {}, { isDeaf: true });
    expect([await tailing.exit, tailing.stderr]).toEqual([0, '']);
  });

  test('fails at once without its token or a server, and if its token is revoked.', async () => {
    const admin = newToken('default');
    await using app = await startTestApp(['--token', admin]);
    expect((await runHere('tail', ['all', '--url', app.url])).stderr).toMatch(/^pokewire: The server answered 401: /);
    expect(await runHere('tail', ['all', '--url', 'http://localhost:1'])).toMatchObject({ code: 1, stdout: '' });
    const { id, token } = await app.namespaces.createToken('default', {
      label: '',
      scope: 'read',
      expiresAtMs: undefined,
    });
    const running = runHere('tail', ['all', '--url', app.url, '--token', token]);
    await poll(() => app.hub.subscriptions.size).toBe(1);
    await app.namespaces.revokeToken('default', id);
    const { code, stderr } = await running;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^pokewire: [^\n]+\n$/)]);
  });
});
