// As the visitor's language writes them; the clock has 24 hours everywhere, because logs have.
const numbers = new Intl.NumberFormat();
const clockParts = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat(undefined, clockParts);
const milliClock = new Intl.DateTimeFormat(undefined, { ...clockParts, fractionalSecondDigits: 3 });

/** A number with its thousands apart. */
export const number = (value) => numbers.format(value);

/** The time of day of a date, to the second. */
export const clockTime = (date) => clock.format(date);

/** The time of day of a date, to the millisecond. */
export const milliTime = (date) => milliClock.format(date);

/** How long ago, in whole seconds. */
export const secondsSince = (timeMs) => `${number(Math.max(0, Math.round((Date.now() - timeMs) / 1_000)))} s`;
