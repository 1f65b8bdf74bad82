import { execFileSync } from 'node:child_process';
import type { NatsPlace } from './nats-server.ts';

/** Numbers the networks of this process, so that names and addresses differ. */
let networks = 0;

type Machine = NatsPlace & { readonly name: string };

/**
 * Machines of their own for the servers of a cluster, as network namespaces. Each is reached by clients and other servers over
 * a cable that can be pulled: what is sent over it then vanishes, and nobody hears of a FIN or RST. A second cable stays.
 * Needs root and the program `ip`. Close it by `using`.
 */
export class NatsNetwork implements Disposable {
  readonly machines: readonly Machine[];
  readonly #name: string;

  private constructor(name: string, machines: readonly Machine[]) {
    this.#name = name;
    this.machines = machines;
  }

  /** Whether this machine lets us make one. */
  static get isPossible(): boolean {
    try {
      NatsNetwork.lay(1)[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  }

  /** Lays the cables of so many machines. */
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

  /** Nothing comes from the machine to others, or from others to it, but over the steady cable. */
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

/** What was never there cannot be taken away. */
function attempt(...command: string[]): void {
  try {
    run(...command);
  } catch {}
}
