import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { SseClient } from '../support/sse-client.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

type Answer = { readonly status: number; readonly body: { readonly [name: string]: unknown } };

/** A server with a file, and requests with a token. */
class DurableServer extends SpokenProcess {
  #url: URL | undefined;

  static async start(path: string, ...flags: readonly string[]): Promise<DurableServer> {
    // Without overload protection: a loaded machine is not what ends a subscription here.
    const unprotected = '--max-event-loop-delay-ms=0';
    const server = new DurableServer(['--port=0', `--store=sqlite:${path}`, unprotected, ...flags]);
    server.#url = await server.listening();
    return server;
  }

  get port(): number {
    return Number(this.#url!.port);
  }

  async ask(path: string, token: string | undefined, method = 'GET', body?: unknown): Promise<Answer> {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const response = await fetch(new URL(path, this.#url), {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  append(stream: string, token?: string): Promise<Answer> {
    return this.ask(`/streams/${stream}/messages`, token, 'POST', { type: 'Happened', data: {} });
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.kill(signal);
    expect(await this.exit).toBe(signal === 'SIGTERM' ? 0 : null);
  }
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'A server over a file that %s ended continues where it was: a returning subscriber misses nothing, and receives no reset.',
  async (signal) => {
    using folder = new TemporaryFolder();
    const path = folder.file('pokewire.db');
    await using first = await DurableServer.start(path);
    const subscribe = '/subscribe?category=a&hello=true';
    await using before = await SseClient.connect(first.port, subscribe);
    for (const stream of ['a-1', 'a-2', 'a-1', 'b-1']) expect((await first.append(stream)).status).toBe(201);
    await before.waitForPokes(3);
    const { epoch } = JSON.parse(before.events.find(({ type }) => type === 'hello')!.data);
    const cursor = before.pokes.at(-1)!.id;
    before.destroy();
    expect((await first.append('a-2')).body).toMatchObject({ position: 1, globalPosition: 5 });
    await first.stop(signal);

    await using second = await DurableServer.start(path);
    expect((await second.append('a-1')).body).toMatchObject({ position: 2, globalPosition: 6 });
    await using after = await SseClient.connect(second.port, subscribe, { headers: { 'last-event-id': cursor } });
    await after.waitForPokes(2);
    expect((await second.append('a-3')).status).toBe(201);
    await after.waitForPokes(3);
    expect(after.pokes.map(({ stream, position, globalPosition }) => [stream, position, globalPosition])).toEqual([
      ['a-2', 1, 5],
      ['a-1', 2, 6],
      ['a-3', 0, 7],
    ]);
    expect(after.events.map(({ type }) => type)).not.toContain('reset');
    expect(JSON.parse(after.events.find(({ type }) => type === 'hello')!.data).epoch).toBe(epoch);
  },
);

test('Namespaces and tokens survive a restart; a start without --token creates no token, and one with it replaces those of default.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  await using first = await DurableServer.start(path, '--auth=token');
  await expect.poll(() => first.stderr, { timeout: 50_000 }).toMatch(/TOKEN=ns_/);
  const token = /TOKEN=(\S+)/.exec(first.stderr)![1]!;
  const created = await first.ask('/rpc', token, 'POST', ['ns.create', 'tenant']);
  const tenant = created.body.token as string;
  expect((await first.append('a-1', tenant)).body).toMatchObject({ globalPosition: 1 });
  await first.stop('SIGTERM');

  await using second = await DurableServer.start(path, '--auth=token');
  expect((await second.append('a-1', tenant)).body).toMatchObject({ position: 1, globalPosition: 2 });
  expect((await second.append('a-1', token)).status).toBe(201);
  await expect.poll(() => second.stderr, { timeout: 50_000 }).toContain('TOKEN=ns_…');
  await second.stop('SIGTERM');

  const configured = newToken('default');
  await using third = await DurableServer.start(path, `--token=${configured}`);
  expect((await third.append('a-1', token)).status).toBe(403);
  expect((await third.append('a-1', configured)).status).toBe(201);
  expect((await third.append('a-1', tenant)).status).toBe(201);
  expect(third.logged('the configured token replaced all tokens of `default`')).toHaveLength(1);
});

test('A second server on the same file is refused with a message, and starts once the first was killed.', async () => {
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  await using first = await DurableServer.start(path);
  expect((await first.append('a-1')).status).toBe(201);
  await using refused = new SpokenProcess(['--port=0', `--store=sqlite:${path}`]);
  expect(await refused.exit).toBe(2);
  expect(refused.stderr).toBe(
    `pokewire: --store: ${path} is in use by another process. Stop it, or choose another file.\n`,
  );
  expect((await first.append('a-1')).status).toBe(201);
  await first.stop('SIGKILL');
  await using second = await DurableServer.start(path);
  expect((await second.append('a-1')).body).toMatchObject({ position: 2, globalPosition: 3 });
});
