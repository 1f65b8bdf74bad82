import { AsyncLocalStorage } from 'node:async_hooks';

/** The clock, timers and random numbers of a simulated process. */
export type VirtualProcess = {
  /** Its monotonic clock, milliseconds. */
  now(): number;
  /** Calls back after this time on its clock; returns a function that cancels it. */
  after(ms: number, run: () => void): () => void;
  /** From 0 to below 1. */
  random(): number;
};

/** A timer of a simulated process. */
class VirtualTimer {
  #cancel: () => void = () => {};
  #isCancelled = false;

  constructor(process: VirtualProcess, run: () => void, ms: number, repeats: boolean) {
    const start = () => {
      this.#cancel = process.after(ms, () => {
        if (repeats) start();
        run();
      });
    };
    start();
  }

  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    this.#cancel();
  }
}

const current = new AsyncLocalStorage<VirtualProcess>();
/** Wall clocks of all processes start at this time. */
const epochMs = Date.UTC(2026, 0, 1);

/** Runs code of a simulated process, with all that it causes later. */
export function runIn(process: VirtualProcess, run: () => void): void {
  current.run(process, run);
}

/**
 * Replaces timers, clocks and `Math.random` for the code that {@link runIn} runs; other code keeps the real ones.
 * Dispose of it to restore them.
 */
export function virtualGlobals(): Disposable {
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const [timeout, dateNow, random, now] = [AbortSignal.timeout, Date.now, Math.random, performance.now];
  const timer =
    (real: (run: () => void, ms?: number) => unknown, repeats: boolean) =>
    (run: () => void, ms = 0) => {
      const process = current.getStore();
      return process === undefined ? real(run, ms) : new VirtualTimer(process, run, Math.max(1, ms), repeats);
    };
  const clear = (real: (timer: never) => void) => (timer: unknown) => {
    if (timer instanceof VirtualTimer) timer.cancel();
    else real(timer as never);
  };
  Object.assign(globalThis, {
    setTimeout: timer(setTimeout as never, false),
    setInterval: timer(setInterval as never, true),
    clearTimeout: clear(clearTimeout),
    clearInterval: clear(clearInterval),
  });
  Date.now = () => {
    const process = current.getStore();
    return process === undefined ? dateNow() : epochMs + Math.floor(process.now());
  };
  performance.now = () => current.getStore()?.now() ?? now.call(performance);
  Math.random = () => current.getStore()?.random() ?? random();
  AbortSignal.timeout = (ms) => {
    if (current.getStore() === undefined) return timeout.call(AbortSignal, ms);
    const late = new AbortController();
    globalThis.setTimeout(() => late.abort(new DOMException('Too late', 'TimeoutError')), ms);
    return late.signal;
  };
  return {
    [Symbol.dispose]: () => {
      Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval });
      Object.assign(AbortSignal, { timeout });
      Date.now = dateNow;
      Math.random = random;
      performance.now = now;
    },
  };
}
