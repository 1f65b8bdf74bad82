import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema, flagOf } from '../../src/config.ts';
import { parseCommand } from '../../src/read-config.ts';
import { startTestApp } from '../support/start-app.ts';
import { documented, replaced } from './documented.ts';

const guide = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;

/** How long requests may take after the drain when the server stops. */
const closeGraceMs = 10_000;

function serveConfig(env: Readonly<Record<string, string>>) {
  const command = parseCommand([], env);
  if (command.run !== 'serve') throw new TypeError(`the environment asks for ${command.run}`);
  return command.config;
}

test('Every configuration in the guide is run or read by a test.', () => {
  const names = [...guide.matchAll(/<!-- tested: (\S+) -->/g)].map(([, name]) => name);
  const used = [
    'nginx-default',
    'nginx',
    'nginx-main',
    'haproxy-default',
    'haproxy',
    'haproxy-away',
    'caddy-default',
    'caddy',
    'nginx-path',
    'haproxy-nodes',
    'nginx-nodes',
    'nginx-nodes-location',
    'systemd',
    'kubernetes',
  ];
  expect(names).toEqual(used);
  expect([...guide.matchAll(/^```\w+$/gm)]).toHaveLength(used.length);
});

test('The guide names only existing flags and variables.', () => {
  const flags = Object.keys(configSchema.properties).map(flagOf);
  const ofOthers = ['build', 'omit', 'format', 'profile'];
  for (const [, flag] of guide.matchAll(/--([a-z]+(?:-[a-z]+)*)/g)) expect([...flags, ...ofOthers]).toContain(flag);
  for (const [, name = ''] of guide.matchAll(/\bPOKEWIRE_([A-Z_]+)\b/g)) {
    expect(flags).toContain(name.toLowerCase().replaceAll('_', '-'));
  }
});

describe('The unit of systemd', () => {
  const unit = documented('systemd');
  const settingOf = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

  test('sets variables that the server knows, and gives it time to stop.', () => {
    const pairs = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line = '']) => line.split(' '));
    const config = serveConfig(Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string])));
    expect(config.trustedProxies).toEqual(['127.0.0.1']);
    expect(Number(settingOf('TimeoutStopSec')) * 1000).toBeGreaterThan(config.drainMs + closeGraceMs);
    expect(Number(settingOf('LimitNOFILE'))).toBeGreaterThan(config.maxSubscriptions * 1.05);
  });

  test('stores messages in the folder that systemd creates for it.', () => {
    expect(unit).toContain(`POKEWIRE_STORE=sqlite:/var/lib/${settingOf('StateDirectory')}/`);
  });

  test.skipIf(!hasSystemd)('is valid for systemd (needs systemd-analyze on PATH).', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pokewire-systemd-'));
    const file = join(folder, 'pokewire.service');
    writeFileSync(file, replaced(unit, { '/usr/bin/node': process.execPath }));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    // The command also checks other units on the machine.
    expect(stderr.split('\n').filter((line) => line.includes('pokewire'))).toEqual([]);
    expect(status, stderr).toBe(0);
  });
});

describe('The set of Kubernetes', () => {
  const set = parse(documented('kubernetes'));
  const { spec } = set.spec.template;
  const [container] = spec.containers;
  const variables: { name: string; value?: string }[] = container.env;

  test('sets variables that the server knows, and gives it time to stop.', () => {
    const token = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;
    const config = serveConfig(Object.fromEntries(variables.map(({ name, value = token }) => [name, value])));
    expect(config).toMatchObject({ auth: 'token', port: container.ports[0].containerPort });
    const waitMs = Number(container.lifecycle.preStop.exec.command.at(-1)) * 1000;
    expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(waitMs + config.drainMs + closeGraceMs);
  });

  test('has one pod, whose messages are in a separate volume.', () => {
    expect([set.kind, set.spec.replicas]).toEqual(['StatefulSet', 1]);
    const [mount] = container.volumeMounts;
    expect(set.spec.volumeClaimTemplates.map(({ metadata }: { metadata: object }) => metadata)).toEqual([
      { name: mount.name },
    ]);
    expect(variables.find(({ name }) => name === 'POKEWIRE_STORE')?.value).toBe(
      `sqlite:${mount.mountPath}/pokewire.db`,
    );
  });

  test('probes routes that answer without a token.', async () => {
    await using app = await startTestApp(['--auth', 'token']);
    for (const probe of [container.livenessProbe, container.readinessProbe]) {
      expect((await app.get(probe.httpGet.path)).status).toBe(200);
    }
  });

  test('turns off the variables of a Service of the same name, which would stop the start.', () => {
    expect(spec.enableServiceLinks).toBe(false);
    expect(() => serveConfig({ POKEWIRE_PORT: 'tcp://10.0.0.1:8080' })).toThrow('POKEWIRE_PORT cannot be');
    expect(() => serveConfig({ POKEWIRE_SERVICE_HOST: '10.0.0.1' })).toThrow('Unknown variable');
  });
});
