import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Beating, Heartbeats } from '../../src/sse/heartbeat.ts';

const periodMs = 15_000;

class Member implements Beating {
  slot = -1;
  beats = 0;
  beat(): void {
    this.beats++;
  }
}

let heartbeats: Heartbeats;

beforeEach(() => {
  vi.useFakeTimers();
  heartbeats = new Heartbeats();
});
afterEach(() => {
  heartbeats.stop();
  vi.useRealTimers();
});

function added(member = new Member(), ms = periodMs): Member {
  heartbeats.add(member, ms);
  return member;
}

describe('heartbeats', () => {
  test('are sent once per member in any full period, whenever it joined', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20_000 }), { maxLength: 20 }), fc.nat({ max: 30_000 }), (pauses, later) => {
        const members = pauses.map((pause) => {
          vi.advanceTimersByTime(pause);
          return added();
        });
        vi.advanceTimersByTime(later);
        const before = members.map(({ beats }) => beats);
        vi.advanceTimersByTime(periodMs);
        expect(members.map(({ beats }, index) => beats - before[index]!)).toEqual(members.map(() => 1));
      }),
    );
  });

  test('are sent for the first time after a full period, less the time until the next tick', () => {
    added();
    vi.advanceTimersByTime(4_500);
    const member = added();
    vi.advanceTimersByTime(14_000);
    const before = member.beats;
    vi.advanceTimersByTime(1_000);
    expect([before, member.beats]).toEqual([0, 1]);
  });

  test('are sent in the period of each member', () => {
    const members = [1_000, 4_000, 15_000, 60_000].map((ms) => added(new Member(), ms));
    vi.advanceTimersByTime(60_000);
    expect(members.map(({ beats }) => beats)).toEqual([60, 15, 4, 1]);
  });

  test('are not sent to former members', () => {
    const [leaver, stayer] = [added(), added()];
    heartbeats.remove(leaver);
    vi.advanceTimersByTime(periodMs);
    expect([leaver.beats, stayer.beats]).toEqual([0, 1]);
  });

  test('continue for the others when a member leaves at its heartbeat', () => {
    const members = [new Member(), new Member(), new Member()];
    for (const member of members) {
      member.beat = () => {
        member.beats++;
        heartbeats.remove(member);
      };
      added(member);
    }
    vi.advanceTimersByTime(2 * periodMs);
    expect(members.map(({ beats }) => beats)).toEqual([1, 1, 1]);
  });

  test('tolerate a member that leaves twice', () => {
    const [leaver, stayer] = [added(), added()];
    heartbeats.remove(leaver);
    heartbeats.remove(leaver);
    vi.advanceTimersByTime(periodMs);
    expect(stayer.beats).toBe(1);
  });

  test('are never sent with a period of 0', () => {
    const member = added(new Member(), 0);
    heartbeats.remove(member);
    expect([member.slot, vi.getTimerCount()]).toEqual([-1, 0]);
  });
});

describe('the timers of heartbeats', () => {
  test('are one per period, however many members there are', () => {
    for (let count = 0; count < 100; count++) added(new Member(), count % 2 === 0 ? 4_000 : 15_000);
    expect(vi.getTimerCount()).toBe(2);
  });

  test('run only while a member has that period', () => {
    const before = vi.getTimerCount();
    const member = added();
    heartbeats.remove(member);
    const without = vi.getTimerCount();
    added(member);
    vi.advanceTimersByTime(periodMs);
    expect([before, without, member.beats]).toEqual([0, 0, 1]);
  });

  test('all stop', () => {
    for (const ms of [1_000, 4_000]) added(new Member(), ms);
    heartbeats.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
