import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTime, timeText } from '../../src/message/message-time.ts';

const timeMs = fc.oneof(
  fc.integer({ min: Date.parse('0000-01-01T00:00:00.000Z'), max: Date.parse('9999-12-31T23:59:59.999Z') }),
  // From few seconds, so that neighbours share one.
  fc.integer({ min: -2_000, max: 2_000 }),
);

test('the text of a time equals that of Date, whichever time was formatted before', () => {
  fc.assert(
    fc.property(fc.array(timeMs), (times) => {
      for (const ms of times) expect(timeText({ timeMs: ms, timeNanos: 0 })).toBe(new Date(ms).toISOString());
    }),
  );
});

test('a formatted time is parsed to the same value, to the nanosecond', () => {
  fc.assert(
    fc.property(timeMs, fc.oneof(fc.nat({ max: 999_999 }), fc.constantFrom(0, 1_000, 999_000)), (ms, nanos) => {
      const time = { timeMs: ms, timeNanos: nanos };
      expect(parseTime(timeText(time))).toEqual(time);
    }),
  );
});
