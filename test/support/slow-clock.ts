import { vi } from 'vitest';

/** From now on `performance.now` advances by this much on each call, so that everything timed takes long. Undo it by `using`. */
export function slowClock(stepMs: number): Disposable {
  let nowMs = performance.now();
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => {
    nowMs += stepMs;
    return nowMs;
  });
  return { [Symbol.dispose]: () => spy.mockRestore() };
}
