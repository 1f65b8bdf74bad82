import { vi } from 'vitest';

/** From now on `performance.now` advances by so much whenever it is asked, so that whatever is timed takes long. Mend it by `using`. */
export function slowClock(stepMs: number): Disposable {
  let nowMs = performance.now();
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => {
    nowMs += stepMs;
    return nowMs;
  });
  return { [Symbol.dispose]: () => spy.mockRestore() };
}
