import { PokewireError } from '../errors.ts';

/** What the process can be short of. */
export const overloadReasons = ['event-loop', 'memory'] as const;

/** One of {@link overloadReasons}. */
export type OverloadReason = (typeof overloadReasons)[number];

/** What of time and memory may be in use before the server takes on no more. */
export type OverloadLimits = {
  /** Longest time the event loop may be held up; 0: no limit. */
  readonly maxEventLoopDelayMs: number;
  /** Share of the memory that may be in use, in percent; 0: no limit. */
  readonly maxMemoryPercent: number;
};

/** What is read at each sample. */
export type LoadMeter = {
  /** Longest time the event loop was held up since the last call, milliseconds. */
  takeEventLoopDelayMs(): number;
  /** Share of the memory in use, 0 to 1. */
  memoryRatio(): number;
};

const sampleMs = 500;

const reasonTexts: Readonly<Record<OverloadReason, string>> = {
  'event-loop': 'its event loop is blocked',
  memory: 'it is short of memory',
};

/**
 * Whether the process is short of time or of memory. Then it takes on no more than it has: new subscriptions are refused,
 * appends and reads too when it is memory, and `/ready` says so. Who is subscribed stays. One timer looks twice a second.
 */
export class OverloadWatch {
  /** Share of the memory in use at the last sample, 0 to 1. */
  memoryRatio = 0;
  readonly #meter: LoadMeter;
  readonly #alarms = new Map<OverloadReason, Alarm>();
  readonly #changed: (reasons: readonly OverloadReason[]) => void;
  readonly #timer: NodeJS.Timeout;
  #sampledAtMs = performance.now();
  #reasons: readonly OverloadReason[] = [];

  /** `changed` is called with all reasons when there is another one, or one less. */
  constructor(
    { maxEventLoopDelayMs, maxMemoryPercent }: OverloadLimits,
    meter: LoadMeter,
    changed: (reasons: readonly OverloadReason[]) => void = () => {},
  ) {
    this.#meter = meter;
    this.#changed = changed;
    if (maxEventLoopDelayMs > 0) {
      const enterAbove = maxEventLoopDelayMs;
      // One long turn, such as a collection of garbage, is no overload; long ones again and again are.
      const bounds = { enterAbove, leaveBelow: enterAbove / 2, enterAfterMs: 2_000, leaveAfterMs: 5_000 };
      this.#alarms.set('event-loop', new Alarm(bounds));
    }
    if (maxMemoryPercent > 0) {
      const enterAbove = maxMemoryPercent / 100;
      const bounds = { enterAbove, leaveBelow: enterAbove * 0.95, enterAfterMs: 0, leaveAfterMs: 5_000 };
      this.#alarms.set('memory', new Alarm(bounds));
    }
    this.#timer = setInterval(() => this.sample(), sampleMs).unref();
  }

  /** What the process is short of; empty: nothing. */
  get reasons(): readonly OverloadReason[] {
    return this.#reasons;
  }

  /** What it is short of, as a sentence. */
  get description(): string {
    return `The server is overloaded: ${this.#reasons.map((reason) => reasonTexts[reason]).join(', and ')}.`;
  }

  /** Throws `OVERLOADED` if the server accepts no more subscriptions. */
  refuseSubscription(): void {
    if (this.#reasons.length > 0) throw this.#refusal();
  }

  /** Throws `OVERLOADED` when there is no memory for messages. Time they take from each other only. */
  refuseAppend(): void {
    if (this.#reasons.includes('memory')) throw this.#refusal();
  }

  /** Throws `OVERLOADED` when there is no memory for answers. */
  refuseRead(): void {
    this.refuseAppend();
  }

  /** Reads the meter; the timer calls it, and tests do. */
  sample(nowMs = performance.now()): void {
    const elapsedMs = nowMs - this.#sampledAtMs;
    this.#sampledAtMs = nowMs;
    this.memoryRatio = this.#meter.memoryRatio();
    const readings = { 'event-loop': this.#meter.takeEventLoopDelayMs(), memory: this.memoryRatio };
    let isChanged = false;
    for (const [reason, alarm] of this.#alarms) {
      if (alarm.observe(readings[reason], elapsedMs)) isChanged = true;
    }
    if (!isChanged) return;
    this.#reasons = overloadReasons.filter((reason) => this.#alarms.get(reason)?.isOn === true);
    this.#changed(this.#reasons);
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #refusal(): PokewireError {
    const message = `${this.description} Retry later.`;
    return new PokewireError('OVERLOADED', message, { details: { reasons: this.#reasons } });
  }
}

type AlarmBounds = {
  readonly enterAbove: number;
  readonly leaveBelow: number;
  /** Only when it lasts so long; 0: at once. */
  readonly enterAfterMs: number;
  readonly leaveAfterMs: number;
};

/** On above one limit and off below another, each only when it lasts, so that a reading near a limit does not make it flap. */
class Alarm {
  isOn = false;
  readonly #bounds: AlarmBounds;
  #contraryMs = 0;

  constructor(bounds: AlarmBounds) {
    this.#bounds = bounds;
  }

  /** Takes the reading of the last `elapsedMs`; returns whether the state has changed. */
  observe(reading: number, elapsedMs: number): boolean {
    const { enterAbove, leaveBelow, enterAfterMs, leaveAfterMs } = this.#bounds;
    const isContrary = this.isOn ? reading < leaveBelow : reading > enterAbove;
    this.#contraryMs = isContrary ? this.#contraryMs + elapsedMs : 0;
    if (!isContrary || this.#contraryMs < (this.isOn ? leaveAfterMs : enterAfterMs)) return false;
    this.isOn = !this.isOn;
    this.#contraryMs = 0;
    return true;
  }
}
