import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SpokenProcess } from '../support/spoken-process.ts';
import { SseClient } from '../support/sse-client.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { canMount, SmallDisk } from './support/mount.ts';
import { FaultServer, poll } from './support/server.ts';

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
const isRoot = spawnSync('id', ['-u'], { encoding: 'utf8' }).stdout.trim() === '0';
/** The superuser may write anywhere, so the test uses another user. */
const asNobody = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
const canBeNobody = !isRoot || spawnSync(asNobody[0]!, [...asNobody.slice(1), 'true']).status === 0;

/** A server with a subscriber, over a file on a disk that is filled. */
class FilledServer implements AsyncDisposable {
  readonly server: FaultServer;
  readonly subscriber: SseClient;
  appended = 0;

  private constructor(server: FaultServer, subscriber: SseClient) {
    this.server = server;
    this.subscriber = subscriber;
  }

  static async start(url: string, under: readonly string[] = []): Promise<FilledServer> {
    const server = await FaultServer.start([`--store=${url}`], { under });
    return new FilledServer(server, await SseClient.connect(server.port, '/subscribe?category=a'));
  }

  /** Appends a message of this size and returns the status of the answer. */
  async append(size: number): Promise<number> {
    const body = JSON.stringify({ type: 'Filled', data: { filling: 'x'.repeat(size * 1_024) } });
    const headers = { 'content-type': 'application/json' };
    const { status, text } = await this.server.ask('/streams/a-1/messages', { method: 'POST', headers, body });
    if (status === 201) expect(JSON.parse(text).position).toBe(this.appended++);
    else expect(JSON.parse(text)).toMatchObject({ error: { code: 'STORE_FULL', details: { limit: 'disk' } } });
    return status;
  }

  async fill(size: number): Promise<void> {
    while ((await this.append(size)) === 201) expect(this.appended).toBeLessThan(10_000);
  }

  /** Everything except appends continues. */
  async expectReads(): Promise<void> {
    const ready = await this.server.ask('/ready');
    expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { status: 'ok', store: 'full' }]);
    const { status, text } = await this.server.ask(`/streams/a-1/messages/last`);
    expect([status, JSON.parse(text).position]).toEqual([200, this.appended - 1]);
    await using late = await SseClient.connect(this.server.port, '/subscribe?category=a');
    await late.waitForPokes(this.appended);
    await this.subscriber.waitForPokes(this.appended);
  }

  /** Appends are accepted again, and the subscriber receives their pokes. */
  async expectRecovery(): Promise<void> {
    await poll(() => this.append(1)).toBe(201);
    const { text } = await this.server.ask('/ready');
    expect(JSON.parse(text)).toEqual({ status: 'ok', store: 'ok' });
    const pokes = await this.subscriber.waitForPokes(this.appended);
    expect(pokes.map(({ position }) => position)).toEqual(Array.from({ length: this.appended }, (_, n) => n));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

function isWhole(path: string): unknown {
  using database = new DatabaseSync(path, { readOnly: true });
  return Object.values(database.prepare('PRAGMA integrity_check').get()!);
}

test.skipIf(!hasPrlimit)(
  'If the file may not grow, appends get 507 while reads and subscriptions continue, and appends succeed once it may (needs prlimit).',
  async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('pokewire.db');
    // A soft limit, which can be lifted again.
    await using filled = await FilledServer.start(`sqlite:${path}`, ['prlimit', '--fsize=600000:unlimited']);
    await filled.fill(20);
    await filled.expectReads();
    spawnSync('prlimit', ['--pid', String(filled.server.pid), '--fsize=unlimited:unlimited']);
    await filled.expectRecovery();
    filled.server.kill('SIGTERM');
    expect(await filled.server.exit).toBe(0);
    expect(isWhole(path)).toEqual(['ok']);
  },
);

test.skipIf(!canMount)(
  'On a disk filled by other programs, appends are refused while a reserve is left for deleting a namespace, and accepted once there is space (needs to mount a tmpfs).',
  async () => {
    using folder = new SmallDisk(16);
    const ballast = folder.file('ballast');
    await using filled = await FilledServer.start(`sqlite:${folder.file('pokewire.db')}?reserve=4000000`);
    expect(await filled.append(1)).toBe(201);
    const created = await rpc(filled.server, 'ns.create', 'other');
    expect(created.status).toBe(200);
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M', 'count=12'], { stdio: 'ignore' });
    await poll(() => filled.append(1)).toBe(507);
    await filled.expectReads();
    expect((await rpc(filled.server, 'ns.create', 'third')).status).toBe(507);
    expect((await rpc(filled.server, 'ns.delete', 'other')).status).toBe(200);
    rmSync(ballast);
    await filled.expectRecovery();
  },
);

test.skipIf(!canMount)(
  'On a completely full disk nothing is lost, and appends are accepted once there is space (needs to mount a tmpfs).',
  async () => {
    using folder = new SmallDisk(4);
    const path = folder.file('pokewire.db');
    const ballast = folder.file('ballast');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1M', 'count=2'], { stdio: 'ignore' });
    await using filled = await FilledServer.start(`sqlite:${path}?reserve=0`);
    await filled.fill(50);
    await filled.expectReads();
    rmSync(ballast);
    await filled.expectRecovery();
    filled.server.kill('SIGTERM');
    expect(await filled.server.exit).toBe(0);
    expect(isWhole(path)).toEqual(['ok']);
  },
);

test.skipIf(!canMount)(
  'A disk filled by the store has space again once a rule deletes messages (needs to mount a tmpfs).',
  async () => {
    // The file reaches its limit before the write-ahead log is full; the rest is for writes until the disk is checked.
    using folder = new SmallDisk(64);
    await using filled = await FilledServer.start(`sqlite:${folder.file('pokewire.db')}?reserve=52000000`);
    await filled.fill(60);
    const headers = { 'content-type': 'application/json' };
    const rule = { method: 'PUT', headers, body: JSON.stringify({ maxMessages: 10 }) };
    expect((await filled.server.ask('/retention', rule)).status).toBe(200);
    await poll(() => filled.append(1)).toBe(201);
  },
);

test.skipIf(!hasPrlimit)(
  'A backup that reaches a file size limit gets 507 and leaves no file, and succeeds once the limit is raised (needs prlimit).',
  async () => {
    using folder = new TemporaryFolder();
    await using filled = await FilledServer.start(`sqlite:${folder.file('pokewire.db')}`);
    while (filled.appended < 20) expect(await filled.append(20)).toBe(201);
    const limit = (fsize: string) => spawnSync('prlimit', ['--pid', String(filled.server.pid), `--fsize=${fsize}`]);
    const backUp = () => filled.server.ask('/backup', { method: 'POST' });
    limit('200000:unlimited');
    const { status, text } = await backUp();
    expect([status, JSON.parse(text)]).toMatchObject([
      507,
      { error: { code: 'STORE_FULL', details: { limit: 'disk' } } },
    ]);
    expect(readdirSync(folder.path).filter((name) => name.includes('backup'))).toEqual([]);
    limit('unlimited:unlimited');
    expect((await backUp()).status).toBe(200);
  },
);

test.skipIf(!hasPrlimit)(
  'Every change of the store, including those other than appends, gets 507 if its file may not grow, and succeeds once it may (needs prlimit).',
  async () => {
    using folder = new TemporaryFolder();
    await using filled = await FilledServer.start(`sqlite:${folder.file('pokewire.db')}`);
    expect(await filled.append(20)).toBe(201);
    const limit = (fsize: string) => spawnSync('prlimit', ['--pid', String(filled.server.pid), `--fsize=${fsize}`]);
    const headers = { 'content-type': 'application/json' };
    const rule = { method: 'PUT', headers, body: JSON.stringify({ maxMessages: 10 }) };
    limit('1:unlimited');
    for (const [path, options] of [
      ['/retention', rule],
      ['/streams/a-1', { method: 'DELETE' }],
    ] as const) {
      const { status, text } = await filled.server.ask(path, options);
      expect([status, JSON.parse(text)]).toMatchObject([
        507,
        { error: { code: 'STORE_FULL', details: { limit: 'disk' } } },
      ]);
    }
    limit('unlimited:unlimited');
    expect((await filled.server.ask('/retention', rule)).status).toBe(200);
  },
);

test.skipIf(!canBeNobody)(
  'A read-only database is refused with a message at the start, and no file is created next to it (needs setpriv, as root).',
  async () => {
    using folder = new TemporaryFolder();
    const path = folder.file('pokewire.db');
    new DatabaseSync(path).close();
    chmodSync(path, 0o444);
    chmodSync(folder.path, 0o777);
    await using server = new SpokenProcess(['--port=0', `--store=sqlite:${path}`], {}, { under: asNobody });
    expect(await server.exit).toBe(2);
    expect(server.stderr).toBe(
      `pokewire: --store: ${path} cannot be written. Check the permissions of the file and its folder.\n`,
    );
    expect(readdirSync(folder.path)).toEqual(['pokewire.db']);
  },
);

test.skipIf(!canBeNobody)(
  'A read-only folder is refused with a message at the start (needs setpriv, as root).',
  async () => {
    using folder = new TemporaryFolder();
    chmodSync(folder.path, 0o555);
    await using server = new SpokenProcess(
      ['--port=0', `--store=sqlite:${join(folder.path, 'pokewire.db')}`],
      {},
      { under: asNobody },
    );
    expect(await server.exit).toBe(2);
    expect(server.stderr).toMatch(/^pokewire: --store: cannot write [^\n]+ Check the permissions of [^\n]+\.\n$/);
    expect(readdirSync(folder.path)).toEqual([]);
  },
);

function rpc(server: FaultServer, ...call: readonly string[]) {
  const headers = { 'content-type': 'application/json' };
  return server.ask('/rpc', { method: 'POST', headers, body: JSON.stringify(call) });
}
