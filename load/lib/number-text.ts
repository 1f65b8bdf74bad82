/** Formats 1,250,000 as 1.25M, with this many digits. */
export function short(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(digits))}M`;
  if (size >= 1e3) return `${Number((value / 1e3).toPrecision(digits))}k`;
  return String(Number(value.toPrecision(digits)));
}

const timeUnits = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
] as const;

/** Formats nanoseconds in a readable unit: 63.3 ns, 1.24 ms. */
export function duration(ns: number, digits = 3): string {
  // Rounded first, so that 999.9 µs becomes 1 ms.
  const rounded = Number(ns.toPrecision(digits));
  const [unit, size] = timeUnits.find(([, size]) => Math.abs(rounded) >= size) ?? ['ns', 1];
  return `${Number((rounded / size).toPrecision(digits))} ${unit}`;
}
