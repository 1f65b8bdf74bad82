import { ConfigError } from '../config-error.ts';
import { quote } from '../flags.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses a duration before or after now (`90s`, `30m`, `2h`, `7d`) or an ISO 8601 date. Returns milliseconds since
 * 1970-01-01. Throws {@link ConfigError}.
 */
export function parseMoment(flag: string, text: string, direction: 'ago' | 'ahead', nowMs = Date.now()): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs + Number(count) * unitMs[unit!]! * (direction === 'ago' ? -1 : 1);
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new ConfigError(
    `--${flag} cannot be ${quote(text)}. Use 90s, 30m, 2h or 7d, or a date such as 2026-11-27T08:00Z.`,
  );
}
