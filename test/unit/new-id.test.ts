import { afterEach, expect, test, vi } from 'vitest';
import { newId } from '../../src/message/new-id.ts';

afterEach(() => vi.useRealTimers());

test('A new id is a UUID of version 7 and of the RFC variant.', () => {
  for (let made = 0; made < 1_000; made++) {
    expect(newId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test('A new id begins with the milliseconds since 1970.', () => {
  vi.useFakeTimers();
  for (const nowMs of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 0x0192_aabb_ccdd, 2 ** 48 - 1]) {
    vi.setSystemTime(nowMs);
    expect(newId().slice(0, 13).replace('-', '')).toBe(nowMs.toString(16).padStart(12, '0'));
  }
});

test('New ids differ, and each of their random bits is set in about half of them.', () => {
  const ids = Array.from({ length: 4_000 }, newId);
  expect(new Set(ids).size).toBe(ids.length);
  const randomParts = ids.map((id) => BigInt(`0x${id.replaceAll('-', '').slice(20)}`));
  for (let bit = 0n; bit < 48n; bit++) {
    const set = randomParts.filter((part) => ((part >> bit) & 1n) === 1n).length;
    // Ten standard deviations.
    expect(Math.abs(set - 2_000)).toBeLessThan(320);
  }
});
