import type { Store } from '../../src/store/store.ts';

/** Forgets until every rule holds; how many messages that were. */
export async function forgetAll(store: Store, nowMs = Date.now()): Promise<number> {
  let messages = 0;
  for (;;) {
    const slice = await store.forget(nowMs);
    messages += slice.messages;
    if (slice.isDone) return messages;
  }
}
