import { execFileSync } from 'node:child_process';

/** Counter of this process's networks, for distinct names and addresses. */
let networks = 0;

/**
 * A server's own network with two links, one of which can be cut: packets on it are then dropped without a FIN or RST.
 * A network namespace with virtual interfaces; needs root and the program `ip`. Close it by `using`.
 */
export class FaultNetwork implements Disposable {
  /** The server's address on the link that can be cut. */
  readonly pullable: string;
  /** The server's address on the other link. */
  readonly steady: string;
  /** Command prefix that runs a program in the server's network. */
  readonly inside: readonly string[];
  readonly #name: string;

  private constructor(name: string, number: number) {
    this.#name = name;
    this.pullable = `10.213.${number}.2`;
    this.steady = `10.214.${number}.2`;
    this.inside = ['ip', 'netns', 'exec', name];
  }

  /** Whether this machine permits it. */
  static get isPossible(): boolean {
    try {
      FaultNetwork.lay(1)[Symbol.dispose]();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Creates the network. `retransmissions`: how often the server's kernel resends before it gives up a connection.
   * Linux's default of 15 takes a quarter of an hour.
   */
  static lay(retransmissions: number): FaultNetwork {
    const network = new FaultNetwork(`pw${process.pid}x${++networks}`, (process.pid + networks) % 250);
    try {
      run('ip', 'netns', 'add', network.#name);
      network.#layOne(network.pullable, 'p');
      network.#layOne(network.steady, 's');
      run(...network.inside, 'sh', '-c', `echo ${retransmissions} > /proc/sys/net/ipv4/tcp_retries2`);
      return network;
    } catch (error) {
      network[Symbol.dispose]();
      throw error;
    }
  }

  pull(): void {
    run('ip', 'link', 'set', `${this.#name}p`, 'down');
  }

  [Symbol.dispose](): void {
    for (const args of [
      ['link', 'del', `${this.#name}p`],
      ['link', 'del', `${this.#name}s`],
      ['netns', 'del', this.#name],
    ]) {
      try {
        run('ip', ...args);
      } catch {
        // There is no such link or namespace to remove.
      }
    }
  }

  #layOne(farAddress: string, end: string): void {
    const near = this.#name + end;
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', end, 'netns', this.#name);
    run('ip', 'addr', 'add', `${farAddress.slice(0, -1)}1/30`, 'dev', near);
    run('ip', 'link', 'set', near, 'up');
    run(...this.inside, 'ip', 'addr', 'add', `${farAddress}/30`, 'dev', end);
    run(...this.inside, 'ip', 'link', 'set', end, 'up');
  }
}

function run(...[command, ...args]: string[]): void {
  execFileSync(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
