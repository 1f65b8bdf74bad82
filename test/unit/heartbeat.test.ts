import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Beating, Heartbeat } from '../../src/sse/heartbeat.ts';

/** Ticks of one turn of the wheel. */
const turn = 15;

class Member implements Beating {
  slot = -1;
  beats = 0;
  beat(): void {
    this.beats++;
  }
}

function tick(heartbeat: Heartbeat, ticks: number): void {
  for (let count = 0; count < ticks; count++) heartbeat.tick();
}

describe('a heartbeat', () => {
  test('beats each member once in any full turn, whenever it joined', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 20 }), fc.nat({ max: 30 }), (pauses, later) => {
        const heartbeat = new Heartbeat(0);
        const members = pauses.map((pause) => {
          tick(heartbeat, pause);
          const member = new Member();
          heartbeat.add(member);
          return member;
        });
        tick(heartbeat, later);
        const before = members.map(({ beats }) => beats);
        tick(heartbeat, turn);
        expect(members.map(({ beats }, index) => beats - before[index]!)).toEqual(members.map(() => 1));
      }),
    );
  });

  test('comes for the first time after a full turn', () => {
    const heartbeat = new Heartbeat(0);
    tick(heartbeat, 4);
    const member = new Member();
    heartbeat.add(member);
    tick(heartbeat, turn - 1);
    const before = member.beats;
    tick(heartbeat, 1);
    expect([before, member.beats]).toEqual([0, 1]);
  });

  test('spares those who left', () => {
    const heartbeat = new Heartbeat(0);
    const [leaver, stayer] = [new Member(), new Member()];
    heartbeat.add(leaver);
    heartbeat.add(stayer);
    heartbeat.remove(leaver);
    tick(heartbeat, turn);
    expect([leaver.beats, stayer.beats]).toEqual([0, 1]);
  });

  test('goes on with the others when a member leaves at its beat', () => {
    const heartbeat = new Heartbeat(0);
    const members = [new Member(), new Member(), new Member()];
    for (const member of members) {
      member.beat = () => {
        member.beats++;
        heartbeat.remove(member);
      };
      heartbeat.add(member);
    }
    tick(heartbeat, 2 * turn);
    expect(members.map(({ beats }) => beats)).toEqual([1, 1, 1]);
  });

  test('does not mind one who leaves twice', () => {
    const heartbeat = new Heartbeat(0);
    const member = new Member();
    heartbeat.add(member);
    heartbeat.remove(member);
    expect(() => heartbeat.remove(member)).not.toThrow();
  });
});

describe('the timer of a heartbeat', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('turns the wheel once a period', () => {
    const heartbeat = new Heartbeat(15_000);
    const member = new Member();
    heartbeat.add(member);
    vi.advanceTimersByTime(45_000);
    heartbeat.stop();
    expect(member.beats).toBe(3);
  });

  test('does not run at a period of 0', () => {
    new Heartbeat(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is one, however many members there are', () => {
    const heartbeat = new Heartbeat(15_000);
    for (let count = 0; count < 100; count++) heartbeat.add(new Member());
    const timers = vi.getTimerCount();
    heartbeat.stop();
    expect([timers, vi.getTimerCount()]).toEqual([1, 0]);
  });
});
