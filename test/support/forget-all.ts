import type { Store } from '../../src/store/store.ts';

/** Forgets until every rule holds; how many messages that were. */
export async function forgetAll(store: Store, nowMs = Date.now()): Promise<number> {
  let messages = 0;
  // What is left of a round that began before does not count.
  for (let inRound = 1; ; ) {
    const slice = await store.forget(nowMs);
    messages += slice.messages;
    inRound += slice.messages;
    if (!slice.isRoundOver) continue;
    if (inRound === 0) return messages;
    inRound = 0;
  }
}
