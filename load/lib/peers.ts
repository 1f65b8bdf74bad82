import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { centrifugo, eventodb, eventodbVersion, goModules, goSse, published } from './go-peers.ts';
import { startNchan } from './nchan.ts';
import { oneMessage, type RunningTarget, startServer, type Target } from './target.ts';

const folder = join(import.meta.dirname, '../peers');
const nchanModule = '/usr/lib/nginx/modules/ngx_nchan_module.so';

/** A server to compare with, or why it is not available. */
export type Peer = Target | { readonly name: string; readonly missing: string };

/** For servers compiled ahead of time. */
const compiled = { compiled: true };

/** A server that accepts the same requests as Pokewire, with some differences. */
function peer(name: string, start: () => Promise<RunningTarget>, differs: Partial<Target> = {}): Target {
  return {
    name,
    start,
    subscribePath: (selector) => `/subscribe?${selector}`,
    appendPath: (category) => `/streams/${category}-{}/messages`,
    appendBody: oneMessage,
    order: 'consecutive',
    compiled: false,
    hasMetrics: false,
    ...differs,
  };
}

function nodePeer(name: string, file: string, ...args: string[]): Target {
  return peer(name, () => startServer(process.execPath, [join(folder, file), ...args]));
}

// Installed from its own package.json on first use.
function installedPeer(name: string, file: string): Peer {
  const here = () => existsSync(join(folder, 'node_modules', 'fastify'));
  if (!here()) spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder });
  return here() ? nodePeer(name, file) : { name, missing: 'npm could not install it' };
}

function floorInC(name: string, ...args: string[]): Peer {
  if (spawnSync('cc', ['--version']).status !== 0) return { name, missing: 'there is no C compiler' };
  return peer(
    name,
    async () => {
      const folderOfBinary = mkdtempSync(join(tmpdir(), 'pokewire-floor-'));
      const binary = join(folderOfBinary, 'floor');
      execFileSync('cc', ['-O2', '-o', binary, join(folder, 'floor.c')]);
      const server = await startServer(binary, args);
      rmSync(folderOfBinary, { recursive: true });
      return server;
    },
    compiled,
  );
}

function goPeer(name: string, found: ReturnType<typeof goSse>): Peer {
  return 'missing' in found ? { name, ...found } : peer(name, found.start, { ...found, ...compiled });
}

function nchan(): Peer {
  if (spawnSync('nginx', ['-v']).status !== 0 || !existsSync(nchanModule)) {
    return { name: 'nchan', missing: 'nginx with its nchan module is not installed' };
  }
  return peer('nchan', () => startNchan(nchanModule), { appendBody: published, order: 'rising', ...compiled });
}

const peers: Record<string, () => Peer> = {
  'c-floor': () => floorInC('c-floor'),
  'c-floor-nagle': () => floorInC('c-floor-nagle', 'nagle'),
  'node-net': () => nodePeer('node-net', 'node-net.ts'),
  'node-net-nagle': () => nodePeer('node-net-nagle', 'node-net.ts', 'nagle'),
  'node-net-batched': () => nodePeer('node-net-batched', 'node-net.ts', 'batched'),
  'node-net-batched-nagle': () => nodePeer('node-net-batched-nagle', 'node-net.ts', 'batched', 'nagle'),
  nchan,
  centrifugo: () => goPeer('centrifugo', centrifugo()),
  eventodb: () => goPeer('eventodb', eventodb()),
  'go-sse': () => goPeer('go-sse', goSse()),
  'better-sse': () => installedPeer('better-sse', 'better-sse.ts'),
  'fastify-sse': () => installedPeer('fastify-sse', 'fastify-sse.ts'),
  'fastify-plain': () => installedPeer('fastify-plain', 'fastify-plain.ts'),
  'fastify-empty-post': () => installedPeer('fastify-empty-post', 'empty-post.ts'),
};

/** Servers that can be used instead of Pokewire. */
export const alternatives: readonly string[] = [
  'nchan',
  'centrifugo',
  'eventodb',
  'go-sse',
  'better-sse',
  'fastify-sse',
  'fastify-plain',
];

/** Whether no bound refers to a peer, so that one repeat is enough. */
export const isUnbounded = (name: string): boolean => name !== 'nchan' && alternatives.includes(name);

/** Names of all peers. */
export const peerNames: readonly string[] = Object.keys(peers);

/** The peer with this name, or why it is not available. */
export function findPeer(name: string): Peer {
  const find = peers[name];
  if (find === undefined) throw new Error(`there is no peer ${name}; known are ${peerNames.join(', ')}`);
  return find();
}

/** Versions of the available peers, for the results. */
export function peerVersions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const nginx = /nginx\/([\d.]+)/.exec(String(spawnSync('nginx', ['-v']).stderr ?? ''))?.[1];
  const known = Object.entries({ nginx, eventodb: eventodbVersion() }).filter(([, version]) => version !== undefined);
  return { ...dependencies, ...goModules, ...Object.fromEntries(known) };
}
