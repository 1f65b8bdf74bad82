import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answering } from './answering.ts';
import { freePort } from './collect-garbage.ts';
import { pinned, serverCore } from './machine.ts';
import { oneMessage, type RunningTarget, startServer, stopChild, type Target, track } from './target.ts';

const folder = join(import.meta.dirname, '../peers');
const programs = join(folder, 'go-programs');

/** Versions that must be installed by hand, because compiling them takes minutes. */
export const goModules = { centrifugo: 'github.com/centrifugal/centrifugo/v6@v6.9.1' };

/** A server, or why it is not available. */
type Found = { readonly start: () => Promise<RunningTarget> } & Partial<Target>;
type Missing = { readonly missing: string };

/** The library tmaxmax/go-sse with net/http. */
export function goSse(): Found | Missing {
  if (spawnSync('go', ['version']).status !== 0) return { missing: 'there is no Go' };
  const program = join(programs, 'go-sse');
  const { status } = spawnSync('go', ['build', '-o', program, '.'], { cwd: join(folder, 'go-sse'), stdio: 'ignore' });
  return status === 0 ? { start: () => startServer(program, []) } : { missing: 'Go could not build it' };
}

/** A message with the same content as other servers announce, for servers that forward published messages. */
export const published = '{"stream":"account-{}","position":{position},"globalPosition":{globalPosition}}';

const connectRequest = encodeURIComponent(JSON.stringify({ subs: { pokes: {} } }));

/** Centrifugo, which forwards messages published over its HTTP API to its subscribers. */
export function centrifugo(): Found | Missing {
  const program = join(programs, 'centrifugo');
  if (!existsSync(program)) return { missing: 'it is not installed, see load/README.md' };
  return {
    start: () => startCentrifugo(program),
    subscribePath: () => `/connection/uni_sse?cf_connect=${connectRequest}`,
    appendPath: () => '/api/publish',
    appendBody: `{"channel":"pokes","data":${published}}`,
    order: 'rising',
  };
}

/**
 * EventoDB with its messages in memory. A subscriber of everything gets a response head at once, one of a category only with its
 * first poke. Ids are missing, so only each message's own stream and position tell which append a delivery belongs to.
 */
export function eventodb(): Found | Missing {
  const program = join(programs, 'eventodb');
  if (!existsSync(program)) return { missing: 'it is not installed, see load/README.md' };
  return {
    start: async () => {
      const port = await freePort();
      const inMemory = ['--test-mode', '--db-url', 'pebble://memory', '--log-level', 'error'];
      return startOn(port, program, ['serve', '--port', String(port), ...inMemory]);
    },
    subscribePath: () => '/subscribe?all=true',
    appendPath: () => '/rpc',
    appendBody: `["stream.write","account-{}",${oneMessage}]`,
    order: 'rising',
  };
}

/** The version that the installed EventoDB names; undefined: it is not installed. */
export function eventodbVersion(): string | undefined {
  const { status, stdout } = spawnSync(join(programs, 'eventodb'), ['version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

async function startCentrifugo(program: string): Promise<RunningTarget> {
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), 'pokewire-centrifugo-'));
  const config = {
    http_server: { address: '127.0.0.1', port: String(port) },
    uni_sse: { enabled: true },
    client: { insecure: true },
    http_api: { insecure: true },
    channel: { without_namespace: { allow_subscribe_for_client: true } },
    log: { level: 'error' },
  };
  writeFileSync(join(home, 'config.json'), JSON.stringify(config));
  const server = await startOn(port, program, ['--config', join(home, 'config.json')]);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      rmSync(home, { recursive: true });
    },
  };
}

/** Starts a program on this port, pinned like every server; resolves when it listens. */
async function startOn(port: number, program: string, args: readonly string[]): Promise<RunningTarget> {
  const [command, all] = pinned(serverCore, program, args);
  const child = spawn(command, all, { detached: true, stdio: 'ignore' });
  track(child);
  await answering(port);
  return { port, pid: child.pid!, stop: () => stopChild(child) };
}
