/** Calls back. What the callback throws is reported as uncaught: it is nobody's fault but its own, and stops nothing. */
export function call<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
