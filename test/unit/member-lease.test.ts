import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemberLease } from '../../src/client/groups/member-lease.ts';

const leaseMs = 15_000;
const given = { layout: 0, partition: 3, generation: 7 };
const joined = { member: 'worker-1', session: 's-1', epoch: 'e-1', leaseMs, beatMs: 3_000, head: 0 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function connected() {
  const expired: string[] = [];
  const lease = new MemberLease((key) => expired.push(key));
  const connect = () => {
    lease.attempted();
    lease.joined(joined);
    return lease.assigned(given);
  };
  expect(connect()).toBe('start');
  return { lease, expired, connect };
}

test('A partition is reported when its deadline has passed.', () => {
  const { lease, expired } = connected();
  vi.advanceTimersByTime(leaseMs * 0.9 - 1);
  expect([expired, lease.mayStart(given)]).toEqual([[], true]);
  vi.advanceTimersByTime(1);
  expect([expired, lease.mayStart(given)]).toEqual([['0/3'], false]);
});

test('A partition whose deadline passed and that a reconnect continues is reported again at its next deadline.', () => {
  const { lease, expired, connect } = connected();
  vi.advanceTimersByTime(leaseMs);
  expect(lease.disconnected()).toBe(true);
  expect(connect()).toBe('continue');
  expect([expired, lease.mayStart(given)]).toEqual([['0/3'], true]);
  vi.advanceTimersByTime(leaseMs);
  expect([expired, lease.mayStart(given)]).toEqual([['0/3', '0/3'], false]);
});

test('A lease that has stopped reports nothing.', () => {
  const { lease, expired } = connected();
  lease.stop();
  vi.advanceTimersByTime(leaseMs);
  expect(expired).toEqual([]);
});
