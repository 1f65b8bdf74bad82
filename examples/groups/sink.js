/** Stands in for a database: keeps the position and the highest generation of each stream, and refuses lower ones. */
export class Sink {
  #streams = new Map();
  handled = 0;
  repeated = 0;
  refused = 0;
  outOfOrder = 0;
  /** Messages skipped so far. */
  lost = 0;

  write({ stream, position, generation }) {
    const { next, highest, missing } = this.#streams.get(stream) ?? { next: 0, highest: 0, missing: new Set() };
    if (generation < highest) {
      this.refused++;
      return;
    }
    this.#streams.set(stream, { next: Math.max(next, position + 1), highest: generation, missing });
    for (let passed = next; passed < position; passed++) missing.add(passed);
    this.lost += Math.max(0, position - next);
    if (position >= next) this.handled++;
    else if (missing.delete(position)) {
      this.lost--;
      this.outOfOrder++;
      this.handled++;
    } else this.repeated++;
  }
}
