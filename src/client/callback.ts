/** Runs a user's callback. An exception is rethrown as uncaught in a microtask, so it cannot stop the caller. */
export function call<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
