/** Something that wants a beat every period. */
export interface Beating {
  /** Its slot in the wheels, kept by the heartbeats; -1: in none. */
  slot: number;
  beat(): void;
}

/** A wheel has so many slots: each member is beaten once a turn, and no tick has to serve them all at once. */
const slotsPerWheel = 15;

/** Heartbeats of many members, each with a period of its own. Members of one period share one timer. */
export class Heartbeats {
  readonly #wheels: Wheel[] = [];
  readonly #indexes = new Map<number, number>();

  /** Adds a member; its first beat comes after a full period. `periodMs` 0: it has none. Every period that was ever used keeps a wheel. */
  add(member: Beating, periodMs: number): void {
    if (periodMs === 0) return;
    const index = this.#indexes.getOrInsertComputed(periodMs, () => this.#wheels.push(new Wheel(periodMs)) - 1);
    member.slot = index * slotsPerWheel + this.#wheels[index]!.add(member);
  }

  /** Does nothing for one that is in no wheel. */
  remove(member: Beating): void {
    if (member.slot === -1) return;
    this.#wheels[Math.floor(member.slot / slotsPerWheel)]!.remove(member, member.slot % slotsPerWheel);
    member.slot = -1;
  }

  /** Stops all timers. */
  stop(): void {
    for (const wheel of this.#wheels) wheel.stop();
  }
}

/** The members of one period. Its timer runs while it has any. */
class Wheel {
  readonly #slots: Set<Beating>[] = Array.from({ length: slotsPerWheel }, () => new Set());
  readonly #tickMs: number;
  #members = 0;
  #next = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(periodMs: number) {
    this.#tickMs = periodMs / slotsPerWheel;
  }

  /** Returns the member's slot. */
  add(member: Beating): number {
    if (this.#members++ === 0) this.#timer = setInterval(this.#tick, this.#tickMs).unref();
    // The slot that was served last is the one that comes around last.
    const slot = (this.#next + slotsPerWheel - 1) % slotsPerWheel;
    this.#slots[slot]!.add(member);
    return slot;
  }

  remove(member: Beating, slot: number): void {
    this.#slots[slot]!.delete(member);
    if (--this.#members === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #tick = (): void => {
    const slot = this.#slots[this.#next]!;
    this.#next = (this.#next + 1) % slotsPerWheel;
    for (const member of slot) member.beat();
  };
}
