import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test, vi } from 'vitest';
import { NatsCluster } from '../nats/nats-cluster.ts';
import { natsProgram } from '../nats/nats-server.ts';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { makeLaggingGroup } from '../support/lagging-group.ts';
import { panelExpressions, readAlerts, readText } from '../support/monitoring.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';
import { withParent } from '../support/with-parent.ts';

const hasPrometheus = isThere('prometheus');
const hasPromtool = isThere('promtool');

function isThere(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Output and exit code of promtool. */
function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

describe('The files of Prometheus', () => {
  test.skipIf(!hasPromtool)('are a valid configuration and valid rules (needs promtool on PATH).', () => {
    const { status, output } = promtool('check', 'config', 'grafana/prometheus/prometheus.yml');
    expect(status, output).toBe(0);
    expect(output).toContain(`${readAlerts().length} rules found`);
  });

  test.skipIf(!hasPromtool)('have alerts that fire when they should, and only then (needs promtool on PATH).', () => {
    const { status, output } = promtool('test', 'rules', 'test/integration/alerts.test.yml');
    expect(status, output).toBe(0);
  });
});

/** A Prometheus with the shipped configuration, on a free port, that scrapes `targets`. Close it by `await using`. */
class Prometheus implements AsyncDisposable {
  readonly url: string;
  readonly #process;
  readonly #directory: string;

  static async start(...targets: string[]): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), 'pokewire-prometheus-'));
    // As shipped, except for the server's address and the waiting times.
    const config = readText('grafana/prometheus/prometheus.yml')
      .replace('pokewire:8080', targets.join(', '))
      .replaceAll('_interval: 5s', '_interval: 200ms');
    writeFileSync(join(directory, 'prometheus.yml'), config);
    for (const file of ['alerts.yml', 'metrics-token']) {
      copyFileSync(`grafana/prometheus/${file}`, join(directory, file));
    }
    const args = [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ];
    const child = spawn(...withParent('prometheus', args), { stdio: ['ignore', 'ignore', 'pipe'] });
    const lines: string[] = [];
    for await (const line of createInterface(child.stderr)) {
      lines.push(line);
      const [, address] = /Listening on" address=(127\.0\.0\.1:[1-9]\d*)/.exec(line) ?? [];
      if (address !== undefined) {
        child.stderr.resume();
        return new Prometheus(`http://${address}`, child, directory);
      }
    }
    throw new Error(`prometheus did not start:\n${lines.join('\n')}`);
  }

  private constructor(url: string, child: ReturnType<typeof spawn>, directory: string) {
    this.url = url;
    this.#process = child;
    this.#directory = directory;
  }

  /** Calls its API and returns the answer's data. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  async get(path: string, query: Record<string, string> = {}): Promise<any> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query)}`);
    const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string };
    expect(error, `${path} ${JSON.stringify(query)}`).toBeUndefined();
    expect(status).toBe('success');
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}

/** Replaces a panel's variables like Grafana. */
function fillIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(instance|pool|route)/g, '.+');
}

/** Produces some data for every panel. */
async function useServer(app: TestApp): Promise<void> {
  const message = { type: 'Deposited', data: { amount: 100 } };
  await app.append('account-1', [message, message]);
  await app.get('/streams/account-1/messages');
  await app.get('/no/such/path');
  // The first subscribes in addition to the reader and catches up; the second is refused.
  await using reader = await SseClient.connect(app.port, '/subscribe?category=account');
  await reader.waitForPokes(2);
  expect((await app.get('/subscribe?all=true')).status).toBe(503);
}

/** A node over the store at that URL; undefined: its servers are not available. */
async function startNode(url: string | undefined): Promise<TestApp | undefined> {
  return url === undefined ? undefined : startTestApp(['--store', url]);
}

describe('A Prometheus with the shipped configuration', () => {
  test.skipIf(!hasPrometheus)(
    'scrapes the server, answers every panel of every dashboard, and evaluates every alert (needs prometheus on PATH).',
    { timeout: 240_000 },
    async () => {
      await using app = await startSqliteApp(['--max-subscriptions', '2', '--store-max-bytes', '1000000']);
      await using _reader = await SseClient.connect(app.port, '/subscribe?all=true');
      await using cluster = hasPostgres ? await PostgresCluster.start() : undefined;
      await using nats = natsProgram === undefined ? undefined : await NatsCluster.start();
      await using databaseNode = await startNode(cluster?.url(await cluster.create()));
      await using natsNode = await startNode(nats?.url('panels'));
      const apps = [app, databaseNode, natsNode].filter((one) => one !== undefined);
      await makeLaggingGroup(app);
      await using prometheus = await Prometheus.start(...apps.map(({ url }) => new URL(url).host));

      await vi.waitFor(
        async () => {
          await useServer(app);
          const unanswered: string[] = [];
          for (const { where, expr } of panelExpressions()) {
            const node = expr.includes('pokewire_store_nats_') ? natsNode : databaseNode;
            if (node === undefined && where.startsWith('nodes.json')) continue;
            const { result } = await prometheus.get('query', { query: fillIn(expr) });
            if (result.length === 0) unanswered.push(`${where}: ${expr}`);
          }
          expect(unanswered).toEqual([]);
        },
        { timeout: 120_000, interval: 100 },
      );

      const names = readAlerts()
        .map(({ alert }) => alert)
        .sort();
      const { activeTargets } = await prometheus.get('targets');
      expect(activeTargets).toMatchObject(
        apps.map(() => ({ labels: { job: 'pokewire' }, health: 'up', lastError: '' })),
      );

      await vi.waitFor(
        async () => {
          const { groups } = await prometheus.get('rules');
          const rules: { name: string; health: string; lastError?: string }[] = groups.flatMap(
            (group: { rules: unknown[] }) => group.rules,
          );
          expect(rules.map(({ name }) => name).sort()).toEqual(names);
          for (const { name, health, lastError } of rules)
            expect({ name, health, lastError }).toEqual({ name, health: 'ok' });
        },
        { timeout: 50_000, interval: 100 },
      );
    },
  );

  test.skipIf(!hasPrometheus)(
    'scrapes a server that requires tokens with the metrics token only (needs prometheus on PATH).',
    async () => {
      const shipped = readText('grafana/prometheus/metrics-token').trim();
      const authentication = ['--auth', 'token', '--token', `ns_ZGVmYXVsdA_${'a'.repeat(64)}`];
      await using known = await startTestApp([...authentication, '--metrics-token', shipped]);
      await using unknown = await startTestApp([...authentication, '--metrics-token', 'another-token-of-some-length']);
      for (const [app, expected] of [
        [known, { health: 'up', lastError: '' }],
        [unknown, { health: 'down', lastError: 'server returned HTTP status 401 Unauthorized' }],
      ] as const) {
        await using prometheus = await Prometheus.start(new URL(app.url).host);
        await vi.waitFor(
          async () => {
            const { activeTargets } = await prometheus.get('targets');
            expect(activeTargets).toMatchObject([{ labels: { job: 'pokewire' }, ...expected }]);
          },
          { timeout: 50_000, interval: 100 },
        );
      }
    },
  );
});
