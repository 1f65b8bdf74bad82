import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Exposition } from '../support/exposition.ts';
import { ask } from './support/ask.ts';
import { canMount } from './support/mount.ts';
import { FaultServer, poll } from './support/server.ts';
import { hasPython, TerminalServer } from './support/terminal.ts';

/** Half a megabyte of log lines, far more than a pipe or terminal buffers. */
async function logMuch(url: string): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`${url}/streams/${'x'.repeat(800)}`)));
    expect(answers.every(({ status }) => status === 404)).toBe(true);
  }
}

async function stop(server: FaultServer): Promise<void> {
  const startMs = performance.now();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(10_000);
}

/** A temporary folder, deleted after the test. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pokewire-log-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

/** A server started through a shell that redirects its output. */
function startRedirected(redirection: string): Promise<FaultServer> {
  return FaultServer.start([], { under: ['sh', '-c', `exec "$@" ${redirection}`, 'sh'] });
}

test('A log that nobody reads delays neither requests nor the stop.', async () => {
  await using server = await FaultServer.start([], { isUnheard: true });
  await logMuch(server.url);
  await stop(server);
});

describe.skipIf(!hasPython).each(['terminal', 'pipe'] as const)(
  'A %s without a reader (needs python3 on PATH)',
  (output) => {
    test('delays no request, and outputs every line once it is read.', async () => {
      await using server = await TerminalServer.start(output);
      await logMuch(server.url);
      expect((await ask(`${server.url}/the-last-line`)).status).toBe(404);
      server.read();
      await poll(() => server.said.includes('/the-last-line"')).toBe(true);
      await poll(() => server.said.includes('Subscribe, and leave it running')).toBe(true);
      expect(server.said.match(/x{800}/g)).toHaveLength(600);
    });

    test('that is closed affects neither requests nor the stop.', async () => {
      await using server = await TerminalServer.start(output);
      server.close();
      await logMuch(server.url);
      server.stop();
      await poll(() => server.said).toBe('exit code 0\n');
    });

    test('does not delay the shutdown.', async () => {
      await using server = await TerminalServer.start(output);
      await logMuch(server.url);
      const startMs = performance.now();
      server.stop();
      await poll(() => server.said).toBe('exit code 0\n');
      expect(performance.now() - startMs).toBeLessThan(10_000);
    });
  },
);

test.skipIf(!hasPython)(
  'A pipe without a reader loses lines beyond a bound, which the log and a metric count, and receives later ones (needs python3 on PATH).',
  async () => {
    await using server = await TerminalServer.start('pipe');
    // Twice the size of the queue.
    for (let round = 0; round < 110; round++) {
      await Promise.all(Array.from({ length: 20 }, () => ask(`${server.url}/streams/${'x'.repeat(15_000)}`)));
    }
    server.read();
    const told = /"msg":"log output blocked; (\d+) lines dropped"/;
    await poll(() => told.test(server.said)).toBe(true);
    const lost = Number(told.exec(server.said)![1]);
    expect((await ask(`${server.url}/the-last-line`)).status).toBe(404);
    await poll(() => server.said.includes('/the-last-line"')).toBe(true);
    expect(server.said.match(/x{15000}/g)!.length).toBe(2_200 - lost);
    const metrics = new Exposition((await ask(`${server.url}/metrics`)).text);
    expect(metrics.value('pokewire_log_lines_dropped_total')).toBe(lost);
  },
);

test.each(['>/dev/full', '>&-'])(
  'Standard output that cannot be written (%s) affects neither requests nor the stop.',
  async (redirection) => {
    await using server = await startRedirected(redirection);
    await logMuch(server.url);
    await stop(server);
  },
);

test.each(['2>/dev/full', '2>&-'])(
  'Standard error that cannot be written (%s) affects neither requests nor the stop.',
  async (redirection) => {
    const script = `exec "$@" ${redirection}`;
    await using server = await FaultServer.start([], { under: ['sh', '-c', script, 'sh'], isSilent: true });
    await logMuch(server.url);
    await stop(server);
  },
);

test('A log file rotated by copy and truncation receives the later lines.', async () => {
  const file = join(folder(), 'log');
  writeFileSync(file, '');
  await using server = await startRedirected(`>>${file}`);
  await logMuch(server.url);
  await poll(() => readFileSync(file).length).toBeGreaterThan(480_000);
  truncateSync(file);
  await server.ask('/the-last-line');
  await poll(() => readFileSync(file, 'utf8').includes('"/the-last-line"')).toBe(true);
  expect(readFileSync(file).length).toBeLessThan(480_000);
});

test.skipIf(!canMount)(
  'A full disk makes no request fail, and the log receives every line once there is space (needs to mount a tmpfs).',
  async () => {
    const disk = folder();
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status).toBe(0);
    onTestFinished(() => void spawnSync('umount', [disk]));
    const ballast = join(disk, 'ballast');
    const file = join(disk, 'log');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1k', 'count=900'], { stdio: 'ignore' });
    await using server = await startRedirected(`>>${file}`);
    await logMuch(server.url);
    expect(readFileSync(file).length).toBeLessThan(200_000);
    rmSync(ballast);
    await poll(() => readFileSync(file, 'utf8').match(/x{800}/g)?.length).toBe(600);
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    expect(lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request')).toHaveLength(600);
  },
);
