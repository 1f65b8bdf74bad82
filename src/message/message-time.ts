const rfc3339 = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const minuteMs = 60_000;

/** A point in time with nanosecond precision; a `Date` has milliseconds only. */
export type MessageTime = {
  /** Milliseconds since 1970-01-01. */
  readonly timeMs: number;
  /** Nanoseconds within the millisecond, 0 to 999,999. */
  readonly timeNanos: number;
};

/**
 * Parses RFC 3339 with any offset and up to nine fractional digits. Returns undefined for anything else, and outside
 * the years 0 to 9999.
 */
export function parseTime(text: string): MessageTime | undefined {
  const parts = rfc3339.exec(text);
  if (parts === null) return undefined;
  const [, date, clock, fraction = '', sign, hours = '0', minutes = '0'] = parts;
  const local = `${date}T${clock}.000Z`;
  const localMs = Date.parse(local);
  // `Date` accepts 30 February as 1 March, and 24:00 as the next day.
  if (Number.isNaN(localMs) || new Date(localMs).toISOString() !== local) return undefined;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * minuteMs * (sign === '-' ? -1 : 1);
  const digits = fraction.padEnd(9, '0');
  const timeMs = localMs - offsetMs + Number(digits.slice(0, 3));
  return new Date(timeMs).toISOString().length === local.length
    ? { timeMs, timeNanos: Number(digits.slice(3)) }
    : undefined;
}

/** The time in UTC with three, six or nine fractional digits: as few as are exact. */
export function timeText({ timeMs, timeNanos }: MessageTime): string {
  const text = millisecondText(timeMs);
  if (timeNanos === 0) return text;
  const digits = String(timeNanos).padStart(6, '0');
  return `${text.slice(0, -1)}${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

// Cache of the last second formatted. Messages of a page mostly share it, and `Date` takes two thirds of the time of
// their JSON (load/micro/page.ts).
let second = Number.NaN;
let secondText = '';

function millisecondText(timeMs: number): string {
  const ofTime = Math.floor(timeMs / 1_000);
  if (ofTime !== second) {
    second = ofTime;
    secondText = new Date(ofTime * 1_000).toISOString().slice(0, -'000Z'.length);
  }
  return `${secondText}${String(timeMs - ofTime * 1_000).padStart(3, '0')}Z`;
}
