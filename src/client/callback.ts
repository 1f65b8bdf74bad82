/** Runs a user's callback. An exception is reported as uncaught, from a microtask, so that it cannot stop the caller. */
export function call<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
