import type { Tenant } from '../../test/support/attackers/attack.ts';
import { Attackers } from '../../test/support/attackers/attackers.ts';
import type { SoakServer } from './server.ts';
import type { Tally } from './tally.ts';

/** Limits an attack, and shortens its rounds. */
export const attackedFlags = [
  '--auth=token',
  '--request-timeout-ms=6000',
  '--store-max-bytes-per-namespace=67108864',
  '--max-subscriptions-per-namespace=500',
];

const namespaces = ['attacker-1', 'attacker-2', 'attacker-3'];

/** All attacks of the tests at once, with tokens of their own namespaces. Close it by `await using`. */
export class Attack implements AsyncDisposable {
  readonly #server: SoakServer;
  readonly #attackers: Attackers;

  static async begin(server: SoakServer, seed: number): Promise<Attack> {
    const tenants: Tenant[] = [];
    for (const namespace of namespaces) {
      await server.administer('ns.create', namespace);
      const { token: writeToken } = await server.administer('ns.token.create', namespace, { scope: 'write' });
      const { token: readToken } = await server.administer('ns.token.create', namespace, { scope: 'read' });
      tenants.push({ writeToken, readToken });
    }
    return new Attack(server, await Attackers.start({ port: server.port, tenants, seed }));
  }

  private constructor(server: SoakServer, attackers: Attackers) {
    this.#server = server;
    this.#attackers = attackers;
  }

  /** Lets each attack finish its round, and deletes the attackers' messages from the store. */
  async end({ rounds }: Tally): Promise<void> {
    const reports = await this.#attackers.stop();
    for (const [title, report] of Object.entries(reports)) rounds[title] = (rounds[title] ?? 0) + report.rounds;
    for (const namespace of namespaces) await this.#server.administer('ns.delete', namespace);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#attackers[Symbol.asyncDispose]();
  }
}
