import { describe, expect, test, vi } from 'vitest';
import type { Suite } from './suite.ts';

/** The cases that change the clock of the process, which no other case may see. */
export function describeClock({ open }: Suite): void {
  describe('the time of a message', () => {
    test('never goes back, even if the clock does', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: 2_000_000 });
      try {
        await using opened = await open();
        for (const now of [2_000_000, 1_000_000, 3_000_000, 2_500_000]) {
          vi.setSystemTime(now);
          await opened.append(`a-${now}`);
        }
        const times = (await opened.messages()).map(({ timeMs }) => timeMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      } finally {
        vi.useRealTimers();
      }
    });
  });
}
