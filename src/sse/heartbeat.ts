import { serveInTurns } from '../message/turns.ts';

/** Something that needs a heartbeat every period. */
export interface Beating {
  /** Its slot in the wheel, maintained by `Heartbeats`; -1 if it is in none. */
  slot: number;
  beat(): void;
}

/** Slots per wheel. Each member gets one heartbeat per turn, spread over the ticks so that no tick serves them all. */
const slotsPerWheel = 15;

/** Heartbeats of many members, each with its own period. Members with the same period share a timer. */
export class Heartbeats {
  readonly #wheels: Wheel[] = [];
  readonly #indexes = new Map<number, number>();

  /** Adds a member. Its first heartbeat is due after a full period; `periodMs` 0: never. Wheels are never removed. */
  add(member: Beating, periodMs: number): void {
    if (periodMs === 0) return;
    const index = this.#indexes.getOrInsertComputed(periodMs, () => this.#wheels.push(new Wheel(periodMs)) - 1);
    member.slot = index * slotsPerWheel + this.#wheels[index]!.add(member);
  }

  /** Removes a member, if it has a wheel. */
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

/** Members with one period. The timer runs while there are any. */
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
    // The slot served last, whose turn comes again after all others.
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
    // A copy, because the first beat of a member that joins meanwhile is not due yet.
    void serveInTurns([...slot], (member) => {
      if (slot.has(member)) member.beat();
    });
  };
}
