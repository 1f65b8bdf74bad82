import { execFileSync } from 'node:child_process';
import type { NatsPlace } from './nats-server.ts';

/** Counter of this process's networks, for distinct names and addresses. */
let networks = 0;

type Machine = NatsPlace & { readonly name: string };

/**
 * Separate machines for the servers of a cluster, as network namespaces. Clients and other servers reach each over a
 * link that can be cut: packets on it are then dropped without a FIN or RST. A second link stays up. Needs root and the
 * program `ip`. Close it by `using`.
 */
export class NatsNetwork implements Disposable {
  readonly machines: readonly Machine[];
  readonly #name: string;

  private constructor(name: string, machines: readonly Machine[]) {
    this.#name = name;
    this.machines = machines;
  }

  /** Whether this machine permits it. */
  static get isPossible(): boolean {
    try {
      NatsNetwork.lay(1)[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  }

  /** Creates the links of this many machines. */
  static lay(count: number): NatsNetwork {
    const number = (process.pid + networks++) % 250;
    const prefix = `pn${process.pid % 100_000}x${networks}`;
    const machines = Array.from({ length: count }, (_value, index) => ({
      name: `${prefix}m${index}`,
      inside: ['ip', 'netns', 'exec', `${prefix}m${index}`],
      address: `10.215.${number}.${index + 11}`,
      steady: `10.216.${number}.${index + 11}`,
    }));
    const network = new NatsNetwork(prefix, machines);
    try {
      network.#lay(number);
      return network;
    } catch (error) {
      network[Symbol.dispose]();
      throw error;
    }
  }

  /** Drops all traffic between this machine and the others, except on the steady link. */
  pull(index: number): void {
    run('ip', 'link', 'set', `${this.machines[index]!.name}p`, 'down');
  }

  mend(index: number): void {
    run('ip', 'link', 'set', `${this.machines[index]!.name}p`, 'up');
  }

  [Symbol.dispose](): void {
    const links = this.machines.flatMap(({ name }) => [`${name}p`, `${name}s`]);
    for (const link of [...links, `${this.#name}p`, `${this.#name}s`]) attempt('ip', 'link', 'del', link);
    for (const { name } of this.machines) attempt('ip', 'netns', 'del', name);
  }

  #lay(number: number): void {
    for (const [kind, net] of [
      ['p', `10.215.${number}`],
      ['s', `10.216.${number}`],
    ] as const) {
      const bridge = this.#name + kind;
      run('ip', 'link', 'add', bridge, 'type', 'bridge');
      run('ip', 'addr', 'add', `${net}.1/24`, 'dev', bridge);
      run('ip', 'link', 'set', bridge, 'up');
    }
    for (const { name, inside, address, steady } of this.machines) {
      run('ip', 'netns', 'add', name);
      run(...inside, 'ip', 'link', 'set', 'lo', 'up');
      for (const [kind, at] of [
        ['p', address],
        ['s', steady],
      ] as const) {
        const near = name + kind;
        run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', kind, 'netns', name);
        run('ip', 'link', 'set', near, 'master', this.#name + kind);
        run('ip', 'link', 'set', near, 'up');
        run(...inside, 'ip', 'addr', 'add', `${at}/24`, 'dev', kind);
        run(...inside, 'ip', 'link', 'set', kind, 'up');
      }
    }
  }
}

function run(...[command, ...args]: string[]): void {
  execFileSync(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Runs a command and ignores its failure, because removing something that does not exist is not an error. */
function attempt(...command: string[]): void {
  try {
    run(...command);
  } catch {}
}
