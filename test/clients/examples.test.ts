import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { withParent } from '../support/with-parent.ts';

const run = promisify(execFile);
const patience = { timeout: 30_000, interval: 20 };
const pathOf = (example: string) => fileURLToPath(new URL(`../../examples/${example}`, import.meta.url));
const has = (command: string, flag: string) => spawnSync(command, [flag], { stdio: 'ignore' }).status === 0;

async function deposit(app: TestApp, stream: string): Promise<void> {
  expect((await app.append(stream, { type: 'Deposited', data: { amount: 1 } })).status).toBe(201);
}

/** An example consumer in a separate process, and the messages it reported. Close it by `await using`. */
function consume(command: readonly string[], ...args: readonly string[]) {
  const child = spawn(...withParent(command[0]!, [...command.slice(1), ...args]), {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const handled: string[] = [];
  createInterface(child.stdout!).on('line', (line) => handled.push(line));
  const closed = once(child, 'close');
  const dispose = async () => {
    child.kill('SIGKILL');
    await closed;
  };
  return { handled, closed, [Symbol.asyncDispose]: dispose };
}

/** Checks a consumer in another language; all take the same arguments. */
function follows(commandOf: () => readonly string[]): void {
  test('handles each message once, continues from its checkpoint, and starts over with the log of another server.', async () => {
    using folder = new TemporaryFolder();
    const checkpoint = folder.file('checkpoint.json');
    const first = await startTestApp();
    await deposit(first, 'account-1');
    await deposit(first, 'order-1');
    {
      await using consumer = consume(commandOf(), 'account', first.url, checkpoint);
      await expect.poll(() => consumer.handled, patience).toEqual(['account-1@0 Deposited']);
      await deposit(first, 'account-2');
      await expect.poll(() => consumer.handled, patience).toEqual(['account-1@0 Deposited', 'account-2@0 Deposited']);
    }
    await deposit(first, 'account-1');
    await using consumer = consume(commandOf(), 'account', first.url, checkpoint);
    await expect.poll(() => consumer.handled, patience).toEqual(['account-1@1 Deposited']);
    await first.close();

    // With messages in memory, a restarted server has another log.
    await using second = await startTestApp(['--port', String(first.port)]);
    await deposit(second, 'account-3');
    await expect.poll(() => consumer.handled, patience).toEqual(['account-1@1 Deposited', 'account-3@0 Deposited']);
  });

  test('starts with the first message that retention has left.', async () => {
    using folder = new TemporaryFolder();
    await using app = await startTestApp();
    for (let n = 0; n < 3; n++) await deposit(app, 'account-1');
    const headers = { 'content-type': 'application/json' };
    const rule = { method: 'PUT', headers, body: '{"maxMessages":1}' };
    expect((await fetch(`${app.url}/categories/account/retention`, rule)).status).toBe(200);
    await expect.poll(async () => (await app.get('/streams/account-1')).body.messageCount, patience).toBe(1);
    await using consumer = consume(commandOf(), 'account', app.url, folder.file('checkpoint.json'));
    await expect.poll(() => consumer.handled, patience).toEqual(['account-1@2 Deposited']);
    await deposit(app, 'account-1');
    await expect.poll(() => consumer.handled, patience).toEqual(['account-1@2 Deposited', 'account-1@3 Deposited']);
  });

  test('ends when its request is permanently refused.', async () => {
    using folder = new TemporaryFolder();
    await using app = await startTestApp(['--auth', 'token']);
    await using consumer = consume(commandOf(), 'account', app.url, folder.file('checkpoint.json'));
    const [code] = await consumer.closed;
    expect(code).toBe(1);
  });
}

describe.skipIf(!has('python3', '--version'))('The consumer in Python (needs python3)', () => {
  follows(() => ['python3', pathOf('python/consumer.py')]);
});

describe.skipIf(!has('go', 'version'))('The consumer in Go (needs go)', () => {
  const folder = new TemporaryFolder();
  const program = folder.file('consumer');
  beforeAll(async () => {
    // Built first, because killing `go run` would leave the program running.
    await run('go', ['build', '-o', program, pathOf('go/consumer.go')]);
    return () => folder[Symbol.dispose]();
    // Go may have to compile its standard library first.
  }, 300_000);
  follows(() => [program]);
});

test('The read-your-writes example reads no stale data after the wait.', async () => {
  await using app = await startTestApp();
  const { stdout } = await run(process.execPath, [pathOf('read-your-writes/run.js'), app.url]);
  expect(stdout).toMatch(/^read at once: stale in \d+ of 10\nread after the wait: stale in 0 of 10\n$/);
});
