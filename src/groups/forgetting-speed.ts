/** The speed is that of so long, milliseconds. */
const windowMs = 300_000;
const sampleEveryMs = windowMs / 30;

/** How fast retention takes messages of a category, measured in global positions. */
export class ForgettingSpeed {
  readonly #samples: { readonly atMs: number; readonly upTo: number }[] = [];

  /** Notes up to which global position messages were deleted. */
  note(atMs: number, upTo: number): void {
    const samples = this.#samples;
    const before = samples.at(-2);
    if (before !== undefined && atMs - before.atMs < sampleEveryMs) samples.pop();
    samples.push({ atMs, upTo });
    // One sample from before the window stays: the speed is that since then.
    while (samples.length > 2 && samples[1]!.atMs <= atMs - windowMs) samples.shift();
  }

  /** Seconds until retention takes the message at a global position; undefined: it has taken nothing lately. */
  secondsTo(globalPosition: number): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.upTo <= first.upTo) return undefined;
    const left = Math.max(0, globalPosition - 1 - last.upTo);
    return (left * (last.atMs - first.atMs)) / (last.upTo - first.upTo) / 1_000;
  }
}
