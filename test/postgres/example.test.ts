import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';
import { hasPostgres, PostgresCluster } from './postgres-cluster.ts';

const folder = fileURLToPath(new URL('../../examples/message-db/', import.meta.url));

/** The example's consumer in a separate process. */
class ExampleConsumer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly lines: string[] = [];

  constructor(script: string, ...args: string[]) {
    this.#process = spawn(process.execPath, [`${folder}${script}`, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.lines.push(line));
  }

  async waitFor(...lines: string[]): Promise<void> {
    await expect.poll(() => this.lines, { timeout: 20_000, interval: 20 }).toEqual(lines);
  }

  /** Ends it like Ctrl+C, and returns the number of its queries. */
  async stop(): Promise<number> {
    this.#process.kill('SIGINT');
    await once(this.#process, 'close');
    return Number(/^(\d+) queries$/.exec(this.lines.at(-1)!)![1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'close');
  }
}

/** A database, and a service that writes to it with this many messages per transaction. */
async function useDatabase() {
  const cluster = await PostgresCluster.start();
  const database = await cluster.create();
  const service = await cluster.connect(database, 'message_store');
  const write = async (stream: string, types: readonly string[]) => {
    await service.query('BEGIN');
    for (const type of types)
      await service.query("SELECT write_message($1, $2, $3, '{}')", [randomUUID(), stream, type]);
    await service.query('COMMIT');
  };
  const dispose = async () => {
    await service.end();
    await cluster[Symbol.asyncDispose]();
  };
  return { url: cluster.url(database), service, write, [Symbol.asyncDispose]: dispose };
}

describe.skipIf(!hasPostgres)('The example of a consumer', () => {
  test('continues where it stopped, first by polling and then by pokes, with one position stream for both.', async () => {
    await using database = await useDatabase();
    const { url, service, write } = database;
    await using app = await startTestApp(['--store', url]);
    await write('account-1', ['Opened', 'Deposited']);
    await write('other-1', ['Opened']);

    await using before = new ExampleConsumer('before.js', url, 'account');
    await before.waitFor('polling for account from 1', 'Opened account-1@0', 'Deposited account-1@1');
    await before.stop();
    const last = async () =>
      (await service.query("SELECT * FROM get_last_stream_message('account:position-example')")).rows;
    expect(await last()).toMatchObject([{ type: 'Recorded', data: '{"position": 2}' }]);

    await write('account-2', ['Opened']);
    await using after = new ExampleConsumer('after.js', url, 'account', app.url);
    await after.waitFor('subscribing to account from 3', 'Opened account-2@0');
    await write('account-1', ['Withdrawn', 'Closed']);
    await after.waitFor(
      'subscribing to account from 3',
      'Opened account-2@0',
      'Withdrawn account-1@2',
      'Closed account-1@3',
    );
    // Reads the position at start and end, and once per transaction.
    expect(await after.stop()).toBe(4);
    expect(await last()).toMatchObject([{ type: 'Recorded', data: expect.stringMatching(/"position": \d+/) }]);
  });

  test('is poked again after its connection broke, and handles each message once.', async () => {
    await using database = await useDatabase();
    const { url, write } = database;
    const first = await startTestApp(['--store', url]);
    const { port } = first;
    await using consumer = new ExampleConsumer('after.js', url, 'account', first.url);
    await consumer.waitFor('subscribing to account from 1');
    await write('account-1', ['Opened']);
    await consumer.waitFor('subscribing to account from 1', 'Opened account-1@0');
    await first.close();
    await write('account-1', ['Closed']);
    await using _second = await startTestApp(['--store', url, '--port', String(port)]);
    await consumer.waitFor('subscribing to account from 1', 'Opened account-1@0', 'Closed account-1@1');
  });
});
