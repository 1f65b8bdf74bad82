import { expect, test } from 'vitest';
import { ForgettingSpeed } from '../../src/groups/forgetting-speed.ts';

test('Nothing is predicted while retention deletes nothing.', () => {
  const speed = new ForgettingSpeed();
  expect(speed.secondsTo(100)).toBeUndefined();
  speed.note(0, 50);
  speed.note(60_000, 50);
  expect(speed.secondsTo(100)).toBeUndefined();
});

test('The time of a message’s deletion is predicted from the current speed of retention.', () => {
  const speed = new ForgettingSpeed();
  for (let minute = 0; minute <= 3; minute++) speed.note(minute * 60_000, minute * 600);
  // 1,800 messages were deleted at 10 per second.
  expect(speed.secondsTo(2_301)).toBe(50);
  expect(speed.secondsTo(1_801)).toBe(0);
  expect(speed.secondsTo(1_000)).toBe(0);
});

test('Only the last minutes count, however many samples there are.', () => {
  const speed = new ForgettingSpeed();
  let upTo = 0;
  for (let second = 0; second <= 3_600; second++) {
    upTo += second < 1_800 ? 1_000 : 1;
    speed.note(second * 1_000, upTo);
  }
  expect(speed.secondsTo(upTo + 101)).toBeCloseTo(100, 5);
});

test('A long time without a sample counts as one long sample.', () => {
  const speed = new ForgettingSpeed();
  speed.note(0, 0);
  speed.note(3_600_000, 3_600);
  expect(speed.secondsTo(3_701)).toBe(100);
});
