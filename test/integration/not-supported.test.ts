import { expect, test } from 'vitest';
import { LimitedStore } from '../support/limited-store.ts';
import { startTestApp } from '../support/start-app.ts';

const message = { type: 'Happened', data: {} };

test.each<[string, string, string, string]>([
  ['imports', 'POST', '/import', ''],
  ['replacements', 'POST', '/import?force=true', ''],
  ['backups', 'POST', '/backup', ''],
  ['namespaces', 'POST', '/rpc', '["ns.create","tenant"]'],
  ['namespaces', 'POST', '/rpc', '["ns.delete","default"]'],
  ['appends', 'POST', '/streams/a-1/messages', JSON.stringify(message)],
  ['appends', 'POST', '/rpc', JSON.stringify(['stream.write', 'a-1', message])],
])(
  'A request that the store does not support is refused with 501, which names the store: %s by %s %s',
  async (support, method, path, body) => {
    // Enables the deletion of `default`, which is impossible otherwise.
    await using app = await startTestApp(['--test-mode'], {
      openStore: (_url, options) => LimitedStore.open(options, support !== 'appends'),
    });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(app.url + path, { method, headers, body });
    const { error } = (await response.json()) as { error: { code: string; message: string; details: object } };
    expect([response.status, error.code, error.details]).toEqual([501, 'NOT_SUPPORTED', { store: 'memory', support }]);
    expect(error.message).toContain('The memory store cannot');
  },
);

test('A store with few capabilities still reads, appends and pokes.', async () => {
  await using app = await startTestApp([], { openStore: (_url, options) => LimitedStore.open(options) });
  expect((await app.append('a-1', message)).status).toBe(201);
  expect((await app.get('/streams/a-1/messages')).body).toHaveLength(1);
});
