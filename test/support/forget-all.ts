import type { Store } from '../../src/store/store.ts';

/** Runs retention until every rule holds; returns the number of deleted messages. */
export async function forgetAll(store: Store, nowMs = Date.now()): Promise<number> {
  let messages = 0;
  for (;;) {
    const slice = await store.forget(nowMs);
    messages += slice.messages;
    if (slice.isDone) return messages;
  }
}
