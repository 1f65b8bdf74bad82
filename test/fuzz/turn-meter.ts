import type { ServerProcess } from './server-process.ts';

/** The longest turn of an event loop, milliseconds. */
export type LongestTurn = {
  /** Wall-clock time, which includes other programs. */
  readonly wallMs: number;
  /** CPU time of the thread, which a busy machine does not lengthen. */
  readonly cpuMs: number;
};

// Runs in the server: a turn lasts from one immediate to the next.
const source = `(() => {
  const meter = { wallMs: 0, cpuMs: 0 };
  const cpuMs = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
  let wall = performance.now();
  let cpu = cpuMs();
  const turn = () => {
    const wallNow = performance.now();
    const cpuNow = cpuMs();
    meter.wallMs = Math.max(meter.wallMs, wallNow - wall);
    meter.cpuMs = Math.max(meter.cpuMs, cpuNow - cpu);
    wall = wallNow;
    cpu = cpuNow;
    meter.next = setImmediate(turn);
  };
  turn();
  globalThis.turnMeter = meter;
})()`;

/** Measures turns of a server's event loop. */
export class TurnMeter {
  readonly #server: ServerProcess;

  private constructor(server: ServerProcess) {
    this.#server = server;
  }

  static async of(server: ServerProcess): Promise<TurnMeter> {
    await server.evaluate(source);
    return new TurnMeter(server);
  }

  /** The longest turn during `work`. */
  async longest(work: () => Promise<unknown>): Promise<LongestTurn> {
    await this.#server.evaluate('turnMeter.wallMs = turnMeter.cpuMs = 0');
    // The evaluation's own turn has ended.
    await this.#server.evaluate('turnMeter.wallMs = turnMeter.cpuMs = 0');
    await work();
    return this.#server.evaluate<LongestTurn>('({ wallMs: turnMeter.wallMs, cpuMs: turnMeter.cpuMs })');
  }

  /**
   * CPU milliseconds that the server's JavaScript engine needs for a fixed amount of work, so that a bound holds on any
   * machine. Long enough for systems that count CPU in steps of 4 ms.
   */
  calibrate(): Promise<number> {
    return this.#server.evaluate<number>(`(() => {
      const text = JSON.stringify(Array.from({ length: 50000 }, (_, index) => ({ type: 'Deposited', amount: index })));
      let least = Infinity;
      for (let repeat = 0; repeat < 5; repeat++) {
        const { user, system } = process.threadCpuUsage();
        for (let parse = 0; parse < 4; parse++) JSON.parse(text);
        const after = process.threadCpuUsage();
        least = Math.min(least, (after.user + after.system - user - system) / 1000);
      }
      return least;
    })()`);
  }
}
