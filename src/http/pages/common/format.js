// In the visitor's language, but with a 24-hour clock, as in logs.
const numbers = new Intl.NumberFormat();
const clockParts = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat(undefined, clockParts);
const milliClock = new Intl.DateTimeFormat(undefined, { ...clockParts, fractionalSecondDigits: 3 });

/** A number with thousands separators. */
export const number = (value) => numbers.format(value);

/** A number of things, for example `1 stream` or `1,200 streams`. */
export const countText = (count, noun) => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

/** The time of day to the second. */
export const clockTime = (date) => clock.format(date);

/** The time of day to the millisecond. */
export const milliTime = (date) => milliClock.format(date);

/** How long ago, in whole seconds. */
export const secondsSince = (timeMs) => `${number(Math.max(0, Math.round((Date.now() - timeMs) / 1_000)))} s`;
