import type { Random } from '../random.ts';
import { Peer } from './peer.ts';

/** Targets and resources of attackers: tokens of their own namespaces. */
export type AttackOrder = {
  readonly port: number;
  readonly tenants: readonly Tenant[];
  readonly seed: number;
};

/** Tokens of one namespace. */
export type Tenant = { readonly writeToken: string; readonly readToken: string };

/** Results of one attack: rounds, and answers by status. */
export type AttackReport = { rounds: number; readonly statuses: Record<string, number> };

/** One kind of attack. Its connections are limited in number, and each round takes seconds at most. */
export type Attack = {
  readonly title: string;
  /** Number of concurrent rounds. */
  readonly lanes: number;
  readonly round: (scene: Scene) => Promise<void>;
};

/** Streams filled by {@link prepare}, for answers of some megabytes. */
const bigBatches = 8;
const bigMessages = 500;

/** One round of an attack: opens connections and counts the results. */
export class Scene {
  /** Differs between rounds. */
  readonly tenant: Tenant;
  readonly random: Random;
  /** Differs between rounds. */
  readonly serial: number;
  readonly #port: number;
  readonly #report: AttackReport;
  readonly #peers: Peer[] = [];

  constructor({ port, tenants }: AttackOrder, random: Random, serial: number, report: AttackReport) {
    this.#port = port;
    this.tenant = tenants[serial % tenants.length]!;
    this.random = random;
    this.serial = serial;
    this.#report = report;
  }

  /** Connects and sends bytes. */
  async open(bytes: Buffer | string, { reads = true }: { reads?: boolean } = {}): Promise<Peer> {
    const peer = new Peer(this.#port, { reads });
    this.#peers.push(peer);
    await peer.send(bytes);
    return peer;
  }

  /** Head of a request with the write token, or another. */
  head(line: string, token = this.tenant.writeToken, more = ''): string {
    return `${line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${more}\r\n`;
  }

  /** A request with its body. */
  request(line: string, body: string | Buffer, more = ''): Buffer {
    const head = this.head(line, this.tenant.writeToken, `Content-Length: ${Buffer.byteLength(body)}\r\n${more}`);
    return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
  }

  /** Leaves without closing anything properly. */
  leave(): void {
    for (const peer of this.#peers) {
      const status = peer.status ?? 'none';
      this.#report.statuses[status] = (this.#report.statuses[status] ?? 0) + 1;
      peer.reset();
    }
    this.#report.rounds++;
  }
}

/** Fills an attacker's namespace with data to read. */
export async function prepare(port: number, { writeToken }: Tenant): Promise<void> {
  const message = { type: 'Big', data: { text: 'x'.repeat(1_000) } };
  const body = JSON.stringify(new Array(bigMessages).fill(message));
  for (let batch = 0; batch < bigBatches; batch++) {
    const headers = { authorization: `Bearer ${writeToken}`, 'content-type': 'application/json' };
    const url = `http://127.0.0.1:${port}/streams/big-1/messages`;
    const response = await fetch(url, { method: 'POST', headers, body });
    if (response.status !== 201) throw new Error(`the append was answered ${response.status}`);
    await response.arrayBuffer();
  }
}
