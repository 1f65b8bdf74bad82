/** Something that wants a beat every period. */
export interface Beating {
  /** Its slot in the wheel, kept by the heartbeat. */
  slot: number;
  beat(): void;
}

/** A wheel of this many slots: each member hears one beat a turn, and no tick has to serve them all at once. */
const slots = 15;

/** One timer for all heartbeats, however many subscriptions. */
export class Heartbeat {
  readonly #wheel: Set<Beating>[] = Array.from({ length: slots }, () => new Set());
  readonly #timer: NodeJS.Timeout | undefined;
  #next = 0;

  /** `periodMs` between two beats of one member; 0: none ever. */
  constructor(periodMs: number) {
    if (periodMs > 0) this.#timer = setInterval(() => this.tick(), periodMs / slots).unref();
  }

  /** Adds a member; its first beat comes after a full period. */
  add(member: Beating): void {
    // The slot that was served last is the one that comes around last.
    member.slot = (this.#next + slots - 1) % slots;
    this.#wheel[member.slot]!.add(member);
  }

  remove(member: Beating): void {
    this.#wheel[member.slot]!.delete(member);
  }

  /** Serves one slot; the timer calls it, and tests do. */
  tick(): void {
    const slot = this.#wheel[this.#next]!;
    this.#next = (this.#next + 1) % slots;
    for (const member of slot) member.beat();
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
