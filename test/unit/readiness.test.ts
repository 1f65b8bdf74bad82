import { afterEach, expect, test, vi } from 'vitest';
import { AppendStats } from '../../src/admission/append-stats.ts';
import type { OverloadWatch } from '../../src/admission/overload.ts';
import { Readiness } from '../../src/admission/readiness.ts';
import type { AppendOutcome } from '../../src/store/log.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { pokePool } from '../support/fake-messages.ts';

afterEach(() => {
  vi.useRealTimers();
});

const refused: AppendOutcome = { outcome: 'full', limit: 'disk', bytes: undefined, maxBytes: 0 };
const stored: AppendOutcome = { outcome: 'appended', position: 0, globalPosition: 1 };

function readinessOf(appends: AppendStats): Readiness {
  const store = new MemoryStore(new MemoryStorage(), pokePool());
  return new Readiness({ store, appends, overload: {} as OverloadWatch, failingLogs: () => 0 });
}

test('A store that cannot report its free space is full until it has stored an append.', async () => {
  const appends = new AppendStats();
  appends.count(refused, 1);
  expect(await readinessOf(appends).storeState()).toBe('full');
  appends.count(stored, 1);
  expect(await readinessOf(appends).storeState()).toBe('ok');
});

test('A store that cannot report its free space is not reported as full forever when appends stop.', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const appends = new AppendStats();
  appends.count(refused, 1);
  vi.advanceTimersByTime(29_999);
  expect(await readinessOf(appends).storeState()).toBe('full');
  vi.advanceTimersByTime(1);
  expect(await readinessOf(appends).storeState()).toBe('ok');
});
