import type { AppendOrder, AppendReport } from './append-process.ts';
import { Child } from './child.ts';

/** autocannon in a separate process. */
export class Appenders {
  readonly #child = new Child('append-process.ts', -10);

  get pid(): number {
    return this.#child.pid;
  }

  run(order: AppendOrder) {
    return this.#child.call('run', order) as Promise<AppendReport>;
  }

  stop(): void {
    this.#child.stop();
  }
}
