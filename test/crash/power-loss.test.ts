import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { Random } from '../support/random.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { serveHere } from '../support/sqlite-threads.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { LogBook } from './log-book.ts';
import { RecordedDisk, readRecording, recordedBytes } from './recorded-disk.ts';
import { judgeFile } from './verdict.ts';

const hasCompiler = spawnSync('gcc', ['--version']).status === 0 && process.platform === 'linux';
const losses = 60;

type Promised = {
  readonly mark: string;
  readonly stream: string;
  readonly position: number;
  readonly globalPosition: number;
};

/** A server whose writes are recorded, and its appends: the messages acknowledged at each length of the recording. */
class RecordedServer {
  readonly promised: { readonly atBytes: number; readonly message: Promised }[] = [];
  readonly sent = new Set<string>();
  readonly recording: string;
  readonly #database: string;
  readonly #library: string;

  constructor(folder: TemporaryFolder) {
    this.recording = folder.file('recording');
    this.#database = folder.file('data.db');
    this.#library = folder.file('record-writes.so');
    const source = new URL('record-writes.c', import.meta.url).pathname;
    const compiled = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', this.#library, source, '-ldl', '-lpthread']);
    expect(compiled.stderr.toString()).toBe('');
  }

  /** Starts the server, appends, and ends it by the signal. */
  async run(appends: number, bytes: number, signal: NodeJS.Signals): Promise<void> {
    const env = { LD_PRELOAD: this.#library, RECORD_PREFIX: this.#database, RECORD_TO: this.recording };
    await using server = new SpokenProcess(['--port=0', `--store=sqlite:${this.#database}`], env);
    const url = await server.listening();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let count = 0; count < appends / 8; count++) await this.#append(url, `s-${writer}`, bytes);
    });
    await Promise.all(writers);
    server.kill(signal);
    await server.exit;
  }

  async #append(url: URL, stream: string, bytes: number): Promise<void> {
    const mark = `m${this.sent.size}`;
    this.sent.add(mark);
    const response = await fetch(new URL(`/streams/${stream}/messages`, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'Appended', data: { mark, filling: 'x'.repeat(bytes) } }),
    });
    expect(response.status).toBe(201);
    const { position, globalPosition } = (await response.json()) as Promised;
    this.promised.push({
      atBytes: recordedBytes(this.recording),
      message: { mark, stream, position, globalPosition },
    });
  }
}

test.skipIf(!hasCompiler)(
  'After a power loss at any instant, with any part of the unsynced data lost, the store opens with all acknowledged messages (needs gcc, on Linux).',
  async () => {
    const seed = Date.now() % 2 ** 31;
    const random = new Random(seed);
    using folder = new TemporaryFolder();
    const server = new RecordedServer(folder);
    await server.run(200, 100, 'SIGKILL');
    // Long enough for a checkpoint in between.
    await server.run(240, 80_000, 'SIGTERM');
    await server.run(100, 100, 'SIGKILL');
    const operations = readRecording(server.recording);
    expect(operations.filter(({ kind }) => kind === 's').length).toBeGreaterThan(100);
    const instants = random.times(losses, losses, () => random.int(0, operations.length)).sort((a, b) => a - b);
    const disk = new RecordedDisk();
    let done = 0;
    for (const instant of instants) {
      for (const operation of operations.slice(done, instant)) disk.apply(operation);
      done = Math.max(done, instant);
      const lost = folder.file('lost');
      disk.loseInto(lost, random);
      const bytes = operations[instant - 1]?.end ?? 0;
      const book = new LogBook();
      for (const mark of server.sent) book.sent.add(mark);
      for (const { atBytes, message } of server.promised) if (atBytes <= bytes) book.acknowledge(message);
      const path = `${lost}/data.db`;
      const options = { pokes: pokePool(), maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 10 };
      const store = await SqliteStore.open(`sqlite:${path}`, options, serveHere);
      await store.close();
      judgeFile(path, book);
      expect(book.problems, `seed ${seed}, operation ${instant} of ${operations.length}`).toEqual([]);
      rmSync(lost, { recursive: true });
    }
  },
);
