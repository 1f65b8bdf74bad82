import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { FakeStore } from '../support/fake-store.ts';
import { runHere } from '../support/run-command.ts';
import { startTestApp } from '../support/start-app.ts';
import { StoreFaults } from '../support/store-faults.ts';

const small = ['--seconds', '1', '--subscribers', '3', '--publishers', '2'];

test('bench reports its appends and deliveries, and leaves no message in the log.', async () => {
  await using app = await startTestApp();
  const { code, stdout, stderr } = await runHere('bench', ['--url', app.url, ...small, '--json']);
  const { appends, deliveries, serverMemoryBytes } = JSON.parse(stdout);
  expect(appends.count).toBeGreaterThan(0);
  expect(deliveries.count + deliveries.missing).toBe(appends.count * 3);
  expect([code, stderr]).toEqual(deliveries.missing === 0 ? [0, ''] : [1, expect.stringContaining('did not arrive')]);
  expect(serverMemoryBytes.before).toBeGreaterThan(0);
  for (const { p50Ms, p99Ms } of [appends, deliveries]) expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  const { streams } = (await app.get('/streams')).body;
  expect(streams.map(({ messageCount }: { messageCount: number }) => messageCount)).toEqual([0, 0]);
});

test('bench leaves no message in the log when an append fails while others are running.', async () => {
  const faults = new StoreFaults();
  faults.fail('append', { count: 1, skip: 20 });
  await using app = await startTestApp([], {
    openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
  });
  const many = ['--seconds', '2', '--subscribers', '1', '--publishers', '8'];
  const { code } = await runHere('bench', ['--url', app.url, ...many]);
  expect(code).toBe(1);
  const appends = faults.calls.get('append');
  const { streams } = (await app.get('/streams')).body;
  expect(streams.map(({ messageCount }: { messageCount: number }) => messageCount)).toEqual(streams.map(() => 0));
  expect(faults.calls.get('append')).toBe(appends);
});

test('bench leaves no message in the log when it is interrupted while it appends.', async () => {
  const interrupted = new AbortController();
  const faults = new StoreFaults();
  await using app = await startTestApp([], {
    openStore: async (_url, options) => faults.wrap(new FakeStore(options)),
  });
  const running = runHere('bench', ['--url', app.url, '--seconds', '10'], '', interrupted);
  await expect.poll(() => faults.calls.get('append') ?? 0, { timeout: 60_000 }).toBeGreaterThan(50);
  interrupted.abort();
  expect(await running).toMatchObject({ code: 1, stdout: '', stderr: 'pokewire: Interrupted.\n' });
  const appends = faults.calls.get('append');
  const { streams } = (await app.get('/streams')).body;
  expect(streams.map(({ messageCount }: { messageCount: number }) => messageCount)).toEqual([0, 0, 0, 0]);
  expect(faults.calls.get('append')).toBe(appends);
});

test('bench reports messages that its token could not erase, and that it could not read memory.', async () => {
  await using app = await startTestApp(['--token', newToken('default')]);
  const { token } = await app.namespaces.createToken('default', { label: '', scope: 'write', expiresAtMs: undefined });
  const { stdout, stderr } = await runHere('bench', ['--url', app.url, '--token', token, ...small]);
  expect(stdout).toMatch(/^appends {5}[\d,]+ a second, p50 [\d.]+ ms, p99 [\d.]+ ms$/m);
  expect(stdout).toContain('the token does not allow /metrics');
  expect(stderr).toMatch(/^pokewire: The messages of category bench\w+ could not be erased\.\n/);
});

test('bench puts load on another machine only if the command line names it.', async () => {
  const env = { POKEWIRE_URL: 'http://pokes.example' };
  expect(await runHere('bench', [], '', undefined, env)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'pokewire: POKEWIRE_URL names another machine, http://pokes.example. Pass it as --url to put load on it.\n',
  });
});

test('bench reports why it could not subscribe.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  const { code, stderr } = await runHere('bench', ['--url', app.url, '--seconds', '10', '--subscribers', '2']);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^pokewire: 1 of 2 subscriptions were open after 6 s\. /)]);
});
