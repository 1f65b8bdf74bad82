/** Period over which the speed is averaged, milliseconds. */
const windowMs = 300_000;
const sampleEveryMs = windowMs / 30;

/** How fast retention deletes messages of a category, in global positions. */
export class ForgettingSpeed {
  readonly #samples: { readonly atMs: number; readonly upTo: number }[] = [];

  /** Records the global position up to which messages were deleted. */
  note(atMs: number, upTo: number): void {
    const samples = this.#samples;
    const before = samples.at(-2);
    if (before !== undefined && atMs - before.atMs < sampleEveryMs) samples.pop();
    samples.push({ atMs, upTo });
    // Keeps one sample from before the window, so that the average covers all of it.
    while (samples.length > 2 && samples[1]!.atMs <= atMs - windowMs) samples.shift();
  }

  /** Seconds until retention deletes the message at a global position; undefined: nothing was deleted recently. */
  secondsTo(globalPosition: number): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.upTo <= first.upTo) return undefined;
    const left = Math.max(0, globalPosition - 1 - last.upTo);
    return (left * (last.atMs - first.atMs)) / (last.upTo - first.upTo) / 1_000;
  }
}
