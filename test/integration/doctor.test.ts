import { describe, expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { startAnswering } from '../support/answering-server.ts';
import { runHere } from '../support/run-command.ts';
import { startTestApp } from '../support/start-app.ts';
import { held, UnrulyProxy } from '../support/unruly-proxy.ts';

const silence = ['--silence', '1'];

describe('doctor', () => {
  test('judges each check, with a token if one is required.', async () => {
    const token = newToken('default');
    await using app = await startTestApp(['--token', token]);
    const { code, stdout, stderr } = await runHere('doctor', [
      '--url',
      app.url,
      '--token',
      token,
      '--json',
      ...silence,
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const { verdicts } = JSON.parse(stdout);
    expect(Object.keys(verdicts)).toEqual([
      'What the server sees',
      'Statuses',
      'Clock',
      'Events one by one',
      'Compression',
      'A real subscription',
      'Silence',
    ]);
    // The others depend on the machine's speed.
    for (const title of ['What the server sees', 'Statuses', 'Clock', 'Compression']) {
      expect([title, verdicts[title].state]).toEqual([title, 'good']);
    }
  });

  test('names the proxy that buffers streams with the setting to change, and exits with 1.', async () => {
    await using app = await startTestApp();
    await using proxy = await UnrulyProxy.open(app.port, (path) =>
      path.startsWith('/diagnose/stream') || path.startsWith('/subscribe') ? held(5_000) : undefined,
    );
    const { code, stdout, stderr } = await runHere('doctor', ['--url', proxy.url, ...silence]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^pokewire: \w+ checks? failed\.\n$/);
    expect(stdout).toMatch(/^BAD {3}Events one by one: held \d/m);
    expect(stdout).toContain('nginx: proxy_buffering off;');
  });

  test('reports that something answers instead of the server, and which measurements are missing therefore.', async () => {
    await using app = await startTestApp();
    const { body } = await app.get('/diagnose/connection');
    await using other = await startAnswering(({ url }, response) => {
      if (url === '/diagnose/connection') response.end(JSON.stringify(body));
      else if (url === '/health') response.end('{"status":"ok"}');
      else response.writeHead(404).end('<h1>Nothing here</h1>');
    });
    const { code, stdout, stderr } = await runHere('doctor', ['--url', other.url, ...silence]);
    expect(stdout).toMatch(/^BAD {3}Statuses: 404\n {6}GET \/no\/such\/route was answered with 404 /m);
    expect([code, stderr]).toEqual([
      1,
      "pokewire: The remaining checks could not run: 404 with a body that is not Pokewire's.\n",
    ]);
  });

  test('reports a connection that is cut within an answer.', async () => {
    await using cut = await startAnswering((_request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy());
    });
    const { code, stderr } = await runHere('doctor', ['--url', cut.url, ...silence]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^pokewire: Cannot reach [^\n]+\n$/)]);
  });

  test('reports why it cannot start.', async () => {
    await using app = await startTestApp(['--token', newToken('default')]);
    const refused = await runHere('doctor', ['--url', app.url, ...silence]);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^pokewire: The server answered 401: .*\(AUTH_REQUIRED\)\n$/);
    expect((await runHere('doctor', ['--url', 'http://localhost:1'])).stderr).toMatch(
      /^pokewire: Cannot reach http:\/\/localhost:1: .+\n$/,
    );
  });

  test('ends when it is interrupted.', async () => {
    await using app = await startTestApp();
    const interrupted = new AbortController();
    const running = runHere('doctor', ['--url', app.url, '--silence', '900'], '', interrupted);
    await expect.poll(() => app.hub.subscriptions.size, { timeout: 60_000 }).toBeGreaterThan(0);
    interrupted.abort();
    expect(await running).toMatchObject({ code: 1, stderr: 'pokewire: Interrupted.\n' });
  });
});
