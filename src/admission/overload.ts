import { PokewireError } from '../errors.ts';

/** Resources the process can lack. */
export const overloadReasons = ['event-loop', 'memory'] as const;

/** One of {@link overloadReasons}. */
export type OverloadReason = (typeof overloadReasons)[number];

/** Limits of time and memory, beyond which the server refuses more work. */
export type OverloadLimits = {
  /** Longest blocking of the event loop in milliseconds; 0: no limit. */
  readonly maxEventLoopDelayMs: number;
  /** Share of memory that may be used, in percent; 0: no limit. */
  readonly maxMemoryPercent: number;
};

/** Measurements for each sample. */
export type LoadMeter = {
  /** Longest blocking of the event loop since the last call, milliseconds. */
  takeEventLoopDelayMs(): number;
  /** Share of memory used, 0 to 1. */
  memoryRatio(): number;
};

const sampleMs = 500;

const reasonTexts: Readonly<Record<OverloadReason, string>> = {
  'event-loop': 'its event loop is blocked',
  memory: 'it is short of memory',
};

/**
 * Watches whether the process lacks CPU time or memory. It then accepts no more work: new subscriptions are refused,
 * and if memory is short appends and reads as well, and `/ready` reports it. Open subscriptions stay. Samples twice a
 * second.
 */
export class OverloadWatch {
  /** Share of memory used at the last sample, 0 to 1. */
  memoryRatio = 0;
  readonly #meter: LoadMeter;
  readonly #alarms = new Map<OverloadReason, Alarm>();
  readonly #changed: (reasons: readonly OverloadReason[]) => void;
  readonly #timer: NodeJS.Timeout;
  #sampledAtMs = performance.now();
  #reasons: readonly OverloadReason[] = [];

  /** Calls `changed` with all reasons when one is added or removed. */
  constructor(
    { maxEventLoopDelayMs, maxMemoryPercent }: OverloadLimits,
    meter: LoadMeter,
    changed: (reasons: readonly OverloadReason[]) => void = () => {},
  ) {
    this.#meter = meter;
    this.#changed = changed;
    if (maxEventLoopDelayMs > 0) {
      const enterAbove = maxEventLoopDelayMs;
      // A single long iteration, such as one with a garbage collection, is not overload; repeated ones are.
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

  /** The missing resources; empty: none. */
  get reasons(): readonly OverloadReason[] {
    return this.#reasons;
  }

  /** The missing resources, as a sentence. */
  get description(): string {
    return `The server is overloaded: ${this.#reasons.map((reason) => reasonTexts[reason]).join(', and ')}.`;
  }

  /** Throws `OVERLOADED` if the server accepts no more subscriptions. */
  refuseSubscription(): void {
    if (this.#reasons.length > 0) throw this.#refusal();
  }

  /**
   * Throws `OVERLOADED` if memory is short. A lack of CPU time is no reason, because appends only compete with each
   * other for it.
   */
  refuseAppend(): void {
    if (this.#reasons.includes('memory')) throw this.#refusal();
  }

  /** Throws `OVERLOADED` if there is no memory for answers. */
  refuseRead(): void {
    this.refuseAppend();
  }

  /** Takes a sample; called by the timer and by tests. */
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
  /** Raises the alarm only after this time; 0: at once. */
  readonly enterAfterMs: number;
  readonly leaveAfterMs: number;
};

/**
 * An alarm with hysteresis: raised above one limit and cleared below another, each only after some time, so that
 * readings near a limit do not make it flap.
 */
class Alarm {
  isOn = false;
  readonly #bounds: AlarmBounds;
  #contraryMs = 0;

  constructor(bounds: AlarmBounds) {
    this.#bounds = bounds;
  }

  /** Takes the reading of the last `elapsedMs`; returns whether the state changed. */
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
