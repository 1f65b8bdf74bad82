import { readFileSync } from 'node:fs';
import { newToken } from '../../src/access/token.ts';
import { positionIn } from '../support/cursors.ts';
import { Exposition } from '../support/exposition.ts';
import { routesOfApp } from '../support/routes.ts';
import { SseClient } from '../support/sse-client.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { Ledger } from './ledger.ts';
import type { World } from './requests.ts';
import { secretPartsOf } from './secrets.ts';
import { ServerProcess } from './server-process.ts';
import { Storm } from './storm.ts';
import type { Tally } from './tally.ts';

/** `test`: with `--test-mode`. */
export type AuthMode = 'off' | 'token' | 'test';

export type FuzzOptions = {
  readonly auth: AuthMode;
  /** A SQLite file is deleted after the run. Default: memory. */
  readonly store?: 'memory' | 'sqlite';
  readonly seed: number;
  readonly requests: number;
  /** Where to start, to reproduce a finding. */
  readonly firstBranch?: number;
};

/** Statistics of a run, and the resources it left in the server. */
export type FuzzReport = {
  readonly tallies: readonly Tally[];
  readonly auditedMessages: number;
  /** Bytes in use after the last phase minus those after the first. */
  readonly growth: { readonly heap: number; readonly external: number; readonly resident: number };
  readonly slowestHealthMs: number;
  /** Problems; empty if there are none. */
  readonly problems: readonly string[];
};

/** Low limits, so that they are reached often and cheaply. */
const limits = {
  '--body-limit-bytes': 65_536,
  '--header-limit-bytes': 8_192,
  '--request-timeout-ms': 5_000,
  '--store-max-bytes': 3_000_000,
  '--max-subscriptions': 15,
  '--max-subscriptions-per-namespace': 12,
  '--max-subscriptions-per-address': 10,
  '--max-selectors': 20,
  '--heartbeat-ms': 100,
  // Other work on the machine must not change the answers.
  '--max-event-loop-delay-ms': 0,
  '--max-memory-percent': 0,
  '--trusted-proxies': 'loopback',
  '--cors-origins': 'http://a.example',
  '--metrics-token': 'metrics-of-the-fuzzed',
};
const healthEveryMs = 200;

/** Requests per phase, after which the log is compared and emptied, and leftovers are checked. */
const phaseRequests = 30_000;

/** Starts a server, storms it, and checks the state afterwards: log, memory, sockets, buffers, subscriptions. */
export async function fuzz({
  auth,
  store = 'memory',
  seed,
  requests,
  firstBranch = 0,
}: FuzzOptions): Promise<FuzzReport> {
  const operator = newToken('default');
  using folder = new TemporaryFolder();
  const flags = [
    ...(store === 'sqlite' ? ['--store', `sqlite:${folder.file('fuzz.db')}`] : []),
    ...(auth === 'test' ? ['--test-mode'] : ['--auth', auth]),
    '--token',
    operator,
    ...Object.entries(limits).flat().map(String),
  ];
  await using server = await ServerProcess.start(...flags);
  const target = new Target(server, operator);
  const world: World = {
    routes: await routesOfApp(),
    rpcMethods: rpcMethods(),
    tokens: { operator, admin: await target.createNamespace('chaos'), reader: await target.createReader('chaos') },
    checksHosts: auth !== 'token',
  };
  const auditedToken = await target.createNamespace('audited');
  const secrets = [...Object.values(world.tokens), auditedToken];
  const secretParts = secretPartsOf(secrets);
  const health = target.watchHealth();
  const tallies: Tally[] = [];
  const problems: string[] = [];
  let auditedMessages = 0;

  const phase = async (share: number) => {
    const ledger = new Ledger();
    await using watcher = await SseClient.subscribe(server.port, `/subscribe?all=true&token=${auditedToken}`);
    const branch = tallies.at(-1)?.branch ?? firstBranch;
    const storm = new Storm({
      port: server.port,
      world,
      seed,
      firstBranch: branch,
      requests: share,
      ledger,
      auditedToken,
      secrets,
      secretParts,
    });
    tallies.push(await storm.run());
    // The storm's messages may have filled the store.
    await target.replaceByNothing(world.tokens.admin);
    problems.push(...(await target.compare(ledger, watcher, auditedToken)));
    auditedMessages += ledger.size;
    watcher.destroy();
    await target.replaceByNothing(auditedToken);
    await target.deleteScratch();
    await target.rest();
    problems.push(...problemsOfLog(server.takeLog(), secretParts));
    return server.memory();
  };

  const phases = Math.max(2, Math.round(requests / phaseRequests));
  // The first requests compile functions and fill pools.
  const before = await phase(Math.ceil(requests / phases));
  let after = before;
  for (let left = phases - 1; left > 0; left--) after = await phase(Math.ceil(requests / phases));
  const slowestHealthMs = await health.stop();
  if ((await server.evaluate('"polluted" in Object.prototype')) === true) problems.push('a prototype was changed');
  problems.push(...problemsOfLog(server.takeLog(), secretParts));
  if (server.complaints !== '') problems.push(`it complains: ${server.complaints.slice(0, 2_000)}`);
  const code = await server.stop();
  if (code !== 0) problems.push(`it ended with ${code}: ${server.stderr.slice(-2_000)}`);
  const growth = {
    heap: after.heap - before.heap,
    external: after.external - before.external,
    resident: after.resident - before.resident,
  };
  return { tallies, auditedMessages, growth, slowestHealthMs, problems };
}

/** The first line about a fault, and the first line containing a secret. */
function problemsOfLog(lines: readonly string[], secretParts: readonly string[]): string[] {
  const fault = lines.find((line) => /"level":[56]0/.test(line));
  const leak = lines.find((line) => secretParts.some((part) => line.includes(part)));
  return [
    ...(fault === undefined ? [] : [`the log has errors: ${fault.slice(0, 2_000)}`]),
    ...(leak === undefined ? [] : [`the log has a token: ${leak.slice(0, 2_000)}`]),
  ];
}

/** Methods of `/rpc`, from docs/eventodb.md. */
function rpcMethods(): string[] {
  const page = readFileSync(new URL('../../docs/eventodb.md', import.meta.url), 'utf8');
  return [...new Set([...page.matchAll(/`((?:stream|category|ns|sys)\.[a-z.]+) \[/g)].map(([, name]) => name!))];
}

/** The server from its operator's point of view. */
class Target {
  readonly #server: ServerProcess;
  readonly #operator: string;

  constructor(server: ServerProcess, operator: string) {
    this.#server = server;
    this.#operator = operator;
  }

  async createNamespace(id: string): Promise<string> {
    return JSON.parse(await this.#rpc('ns.create', id)).token;
  }

  async createReader(id: string): Promise<string> {
    return JSON.parse(await this.#rpc('ns.token.create', id, { scope: 'read' })).token;
  }

  /** Appends once more, then compares log and pokes with the answers. */
  async compare(ledger: Ledger, watcher: SseClient, token: string): Promise<string[]> {
    const body = '{"type":"Last","data":{"last":true}}';
    const headers = { 'content-type': 'application/json' };
    const response = await this.#ask('/streams/audit-last/messages', token, { method: 'POST', headers, body });
    const answer = await response.text();
    const { globalPosition } = JSON.parse(answer);
    const last = { status: response.status, headers: new Map(), body: Buffer.from(answer) };
    ledger.note({ stream: 'audit-last', sent: ['{"last":true}'] }, last);
    const exported = await this.#patiently('/export', token);
    const problems = ledger.compare(exported);
    await watcher.waitFor(
      ({ pokes }) => pokes.at(-1)?.globalPosition === globalPosition,
      'the poke of the last message',
    );
    const told = watcher.pokes.map(({ stream, position, id }) => `${stream}/${position}@${positionIn(id)}`);
    const logged = exported
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
      .map(({ stream, pos, gpos }) => `${stream}/${pos}@${gpos}`);
    if (told.join() !== logged.join())
      problems.push(`${told.length} pokes are not the ${logged.length} messages of the log`);
    return problems;
  }

  /** Replaces a namespace's log by an empty one. */
  async replaceByNothing(token: string): Promise<void> {
    await this.#patiently('/import?force=true&allowIncomplete=true', token, { method: 'POST', body: '\n' });
  }

  /** Deletes the namespaces created by the storm. */
  async deleteScratch(): Promise<void> {
    for (const { namespace } of JSON.parse(await this.#rpc('ns.list'))) {
      if (!['default', 'chaos', 'audited'].includes(namespace)) await this.#rpc('ns.delete', namespace);
    }
  }

  /** Resolves when no subscription, leased buffer or poke, or connection is left. */
  async rest(): Promise<void> {
    const { pooled } = {
      pooled: async () => new Exposition(await (await this.#ask('/metrics', this.#operator)).text()),
    };
    const isAtRest = async () => {
      const metrics = await pooled();
      return metrics.value('pokewire_subscriptions') === 0 && metrics.value('pokewire_pool_leased') === 0;
    };
    await this.#server.until(isAtRest, 'no subscription is open and nothing is lent');
    await this.#server.until(async () => (await this.#server.sockets()) === 0, 'no connection is open');
  }

  /** Polls `/health`; reports the longest time of an answer. */
  watchHealth(): { stop(): Promise<number> } {
    let isWatching = true;
    const watch = async () => {
      let slowestMs = 0;
      while (isWatching) {
        const startMs = performance.now();
        const { status } = await this.#ask('/health', '');
        if (status !== 200) throw new Error(`/health answers ${status}`);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        await new Promise((resolve) => setTimeout(resolve, healthEveryMs));
      }
      return slowestMs;
    };
    const watched = watch();
    // If the storm failed and the server is gone, that is not a second failure.
    watched.catch(() => {});
    return {
      stop() {
        isWatching = false;
        return watched;
      },
    };
  }

  async #rpc(...call: readonly unknown[]): Promise<string> {
    const response = await this.#ask('/rpc', this.#operator, { method: 'POST', body: JSON.stringify(call) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${call[0]}: ${text}`);
    return text;
  }

  /** Retries until a place is free, because the storm's requests may still be running. */
  async #patiently(path: string, token: string, init: RequestInit = {}): Promise<string> {
    let text = '';
    const asked = async () => {
      const response = await this.#ask(path, token, init);
      text = await response.text();
      return response.ok;
    };
    await this.#server.until(asked, `${path} is answered`);
    return text;
  }

  #ask(path: string, token: string, init: RequestInit = {}): Promise<Response> {
    const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
    // Each on its own connection, so that those of the storm can be counted.
    const headers = { ...authorization, ...(init.headers as Record<string, string>), connection: 'close' };
    return fetch(`http://127.0.0.1:${this.#server.port}${path}`, { ...init, headers });
  }
}
