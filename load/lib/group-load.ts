import { Child } from './child.ts';
import type { AckOrder, AckReport, HandOverOrder, HandOverReport, IdleOrder, KillOrder } from './group-process.ts';

const longTimeoutMs = 120_000;

/** Members of consumer groups in a separate process. */
export class GroupLoad implements Disposable {
  readonly #child = new Child('group-process.ts', -10);

  get pid(): number {
    return this.#child.pid;
  }

  handOver(order: HandOverOrder) {
    return this.#child.call('handOver', order, longTimeoutMs) as Promise<HandOverReport>;
  }

  killed(order: KillOrder) {
    return this.#child.call('killed', order) as Promise<number[]>;
  }

  acknowledge(order: AckOrder) {
    return this.#child.call('acknowledge', order) as Promise<AckReport>;
  }

  async beginIdle(order: IdleOrder): Promise<void> {
    await this.#child.call('beginIdle', order, longTimeoutMs);
  }

  async endIdle(order: IdleOrder): Promise<void> {
    await this.#child.call('endIdle', order);
  }

  [Symbol.dispose](): void {
    this.#child.stop();
  }
}
