import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import type { Tenant } from '../support/attackers/attack.ts';
import { Attackers } from '../support/attackers/attackers.ts';
import { HonestTenant } from './support/honest-tenant.ts';
import { FaultServer, poll } from './support/server.ts';

const memory = new URL('./support/memory.ts', import.meta.url).pathname;
/** Duration of the attack; `ATTACK_SECONDS` overrides it. */
const attackMs = Number(process.env.ATTACK_SECONDS ?? 60) * 1_000;
const namespaces = ['attacker-0', 'attacker-1', 'attacker-2'];
/** Memory that compiled code, filled pools and larger tables may keep; an attack of this length uses hundreds of megabytes. */
const keptMib = 24;
const mib = 1_048_576;

const operator = newToken('default');
const flags = [
  '--auth=token',
  `--token=${operator}`,
  '--log-level=warn',
  '--request-timeout-ms=3000',
  '--stall-timeout-ms=3000',
  // Share of a 512 MiB heap that tenants may use.
  '--store-max-bytes-per-namespace=25165824',
  '--max-subscriptions-per-namespace=500',
];

/** A server with tokens for strangers, tenants and operators. */
class Site {
  readonly #server: FaultServer;

  constructor(server: FaultServer) {
    this.#server = server;
  }

  async rpc(...call: unknown[]): Promise<{ token: string }> {
    const { status, text } = await this.#server.ask('/rpc', {
      method: 'POST',
      headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
      body: JSON.stringify(call),
    });
    if (status !== 200) throw new Error(`${call[0]} was answered ${status}: ${text}`);
    return JSON.parse(text);
  }

  /** Attacks from several namespaces during `work`. */
  async attack<T>(seed: number, work: (begin: () => Promise<unknown>) => Promise<T>) {
    const { port } = this.#server;
    const tenants: Tenant[] = [];
    for (const namespace of namespaces) {
      await this.rpc('ns.create', namespace);
      const { token: writeToken } = await this.rpc('ns.token.create', namespace, { scope: 'write' });
      const { token: readToken } = await this.rpc('ns.token.create', namespace, { scope: 'read' });
      tenants.push({ writeToken, readToken });
    }
    let attackers: Attackers | undefined;
    try {
      const done = await work(async () => {
        attackers = await Attackers.start({ port, tenants, seed });
      });
      const reports = await attackers!.stop();
      return { done, reports };
    } finally {
      await attackers?.[Symbol.asyncDispose]();
    }
  }

  /** Deletes what the attackers left in the store. */
  async forget(): Promise<void> {
    for (const namespace of namespaces) await this.rpc('ns.delete', namespace);
  }

  /** Resources that the idle server holds. */
  async rest() {
    const server = this.#server;
    const metric = async (name: string) => {
      const { text } = await server.ask('/metrics', { headers: { authorization: `Bearer ${operator}` } });
      return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)![1]);
    };
    for (const name of ['pokewire_subscriptions', 'pokewire_reads', 'pokewire_pool_leased']) {
      await poll(() => metric(name)).toBe(0);
    }
    const said = server.stderr.length;
    server.kill('SIGUSR2');
    await poll(() => server.stderr.slice(said)).toMatch(/^held:.*\n/m);
    const { bytes, sockets } = JSON.parse(/^held:(.*)\n/m.exec(server.stderr.slice(said))![1]!);
    const descriptors = readdirSync(`/proc/${server.pid}/fd`).length;
    return { mib: bytes / mib, sockets: sockets as number, descriptors };
  }
}

const p99 = (sorted: readonly number[]) => sorted[Math.ceil(sorted.length * 0.99) - 1]!;

test('All attacks at once on a heap of 512 MiB neither stop nor slow a connected tenant, and leave nothing behind.', {
  timeout: 120_000 + attackMs,
}, async () => {
  const nodeFlags = ['--max-old-space-size=512', '--import', memory];
  await using server = await FaultServer.start(flags, { nodeFlags });
  const site = new Site(server);
  const { token } = await site.rpc('ns.create', 'honest');
  const seed = Date.now() % 2 ** 31;
  // Lets code be compiled and pools be filled.
  await site.attack(seed, (begin) => begin());
  await site.forget();
  const before = await site.rest();

  const honest = new HonestTenant({ port: server.port, token });
  const { done, reports } = await site.attack(seed + 1, (begin) =>
    honest.work(begin, () => AbortSignal.timeout(attackMs)),
  );
  await site.forget();
  expect(done.problems, `seed ${seed}`).toEqual([]);
  expect(done.appendMs.length).toBeGreaterThan(100);
  expect(p99(done.appendMs)).toBeLessThan(1_000);
  expect(p99(done.pokeMs)).toBeLessThan(1_000);
  expect(p99(done.readMs)).toBeLessThan(1_000);
  for (const [title, { rounds }] of Object.entries(reports)) expect(rounds, title).toBeGreaterThan(0);

  // A connection of the last attack may be closed a moment after its attacker has ended.
  await poll(async () => (await site.rest()).sockets).toBeLessThanOrEqual(before.sockets);
  await poll(async () => (await site.rest()).descriptors).toBeLessThanOrEqual(before.descriptors);
  // Memory freed last, such as pooled buffers and objects waiting for a finalizer, is returned within seconds.
  await poll(async () => (await site.rest()).mib - before.mib).toBeLessThan(keptMib);
});
