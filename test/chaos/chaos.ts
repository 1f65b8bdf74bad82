import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../load/soak/random.ts';
import { exportedRows } from '../support/nodes/exported-rows.ts';
import { writeOverHttp } from '../support/nodes/http-writer.ts';
import { kinds, ownStreams, sharedStreams } from '../support/nodes/kinds.ts';
import { Ledger } from '../support/nodes/ledger.ts';
import type { NodeProcess } from '../support/nodes/node-process.ts';
import type { Fault } from './faults.ts';
import { JudgedReader } from './judged-reader.ts';
import type { Member } from './member.ts';

export type ChaosOptions = {
  readonly nodes: readonly NodeProcess[];
  /** The faults to choose from, one at a time. */
  readonly faults: readonly Fault[];
  readonly members: readonly Member[];
  readonly subscribers: number;
  readonly writers: number;
  readonly durationMs: number;
  /** Mean time from the end of a fault to the next one. */
  readonly calmMs: number;
  readonly seed: number;
};

export type Phase = 'chaos' | 'settles' | 'over';

/** Counts of errors, which must stay 0. */
export type Wrong = { readonly lost: number; readonly doubled: number; readonly disordered: number };

/** Mean time between two appends of a writer. */
const pauseMs = 40;
/** How long after the last fault everything must be delivered. */
const settleMs = 60_000;
const lookMs = 100;
const mostProblems = 20;
const streams = [...ownStreams, ...sharedStreams];
const wishes = kinds.filter(({ stalls, conflated }) => !stalls && !conflated);

/**
 * Writers append to several nodes and subscribers listen, while one fault after another hits nodes and store. Every
 * poke is judged on arrival, so errors are visible at any time.
 */
export class Chaos {
  readonly members: readonly Member[];
  readonly readers: readonly JudgedReader[];
  readonly durationMs: number;
  /** How often each fault has happened. */
  readonly inflicted = new Map<string, number>();
  readonly problems: string[] = [];
  phase: Phase = 'chaos';
  /** Answers to writers about the current log. */
  #ledger = new Ledger();
  /** Answers to writers about removed logs. */
  readonly #before = { stored: 0, unanswered: 0 };
  #endedLogs = 0;
  /** The current fault. */
  fault: string | undefined = undefined;
  readonly #options: ChaosOptions;
  readonly #random: Random;
  #startMs = performance.now();
  #missing = 0;

  constructor(options: ChaosOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.members = options.members;
    this.durationMs = options.durationMs;
    this.readers = Array.from(
      { length: options.subscribers },
      (_value, n) => new JudgedReader(wishes[n % wishes.length]!, () => this.#random.pick(options.nodes).port),
    );
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** Number of acknowledged messages. */
  get stored(): number {
    return this.#before.stored + this.#ledger.stored;
  }

  /** Number of requests without an acknowledgement, which were repeated. */
  get unanswered(): number {
    return this.#before.unanswered + this.#ledger.unanswered;
  }

  get wrong(): Wrong {
    const sum = (of: (reader: JudgedReader) => number) => this.readers.reduce((total, reader) => total + of(reader), 0);
    return {
      lost: this.#missing + sum(({ judge }) => judge.skipped),
      doubled: sum(({ judge }) => judge.doubled),
      disordered: sum(({ judge }) => judge.disordered),
    };
  }

  /** Whether there were no errors. */
  get isClean(): boolean {
    const { lost, doubled, disordered } = this.wrong;
    return lost + doubled + disordered === 0 && this.problems.length === 0;
  }

  /** Resolves when the time is over, or the signal aborts, and all pokes were delivered or can no longer be. */
  async run(early: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const reading = Promise.all(this.readers.map((reader) => reader.run(stop.signal)));
    try {
      await Promise.race([Promise.all(this.readers.map(({ begun }) => begun)), reading]);
      this.#startMs = performance.now();
      const over = AbortSignal.any([early, AbortSignal.timeout(this.durationMs)]);
      while (!over.aborted) {
        const last = await this.#writeAndInflict(over);
        this.phase = 'settles';
        await this.#settle();
        if (last === undefined) break;
        this.phase = 'chaos';
        await this.#inflictOne(last);
        this.#beginAnew();
      }
      this.#judgeReaders();
    } finally {
      stop.abort();
      await reading;
      this.phase = 'over';
    }
  }

  /** Writes during one fault after another, until the time is over or a fault removes the log; returns that fault. */
  async #writeAndInflict(over: AbortSignal): Promise<Fault | undefined> {
    const { nodes, writers } = this.#options;
    const stop = new AbortController();
    const options = {
      url: () => this.#random.pick(nodes).url,
      streams,
      ledger: this.#ledger,
      random: this.#random,
      pauseMs,
    };
    const writing = Promise.all(Array.from({ length: writers }, () => writeOverHttp(options, stop.signal)));
    // A writer that gives up ends the run.
    writing.catch(() => stop.abort());
    try {
      return await this.#inflict(AbortSignal.any([over, stop.signal]));
    } finally {
      stop.abort();
      await writing;
    }
  }

  async #inflict(over: AbortSignal): Promise<Fault | undefined> {
    const { faults, calmMs } = this.#options;
    const drawn = faults.flatMap((fault) => new Array<Fault>(fault.weight).fill(fault));
    for (;;) {
      await delay(this.#random.gapMs(calmMs), undefined, { signal: over }).catch(() => {});
      if (over.aborted) return undefined;
      const fault = this.#random.pick(drawn);
      if (fault.endsLog === true) return fault;
      await this.#inflictOne(fault);
    }
  }

  async #inflictOne({ name, inflict }: Fault): Promise<void> {
    this.fault = name;
    await inflict(this.#random);
    this.fault = undefined;
    this.inflicted.set(name, (this.inflicted.get(name) ?? 0) + 1);
  }

  #beginAnew(): void {
    this.#before.stored = this.stored;
    this.#before.unanswered = this.unanswered;
    this.#ledger = new Ledger();
    this.#endedLogs++;
    for (const { judge } of this.readers) judge.beginAnew();
  }

  /** Waits until every subscriber has the remaining pokes, or until the time for that is over. */
  async #settle(): Promise<void> {
    const { counts } = this.#ledger;
    const lacking = () => this.readers.filter(({ judge }) => judge.lacks(counts) > 0);
    const deadlineMs = performance.now() + settleMs;
    while (lacking().length > 0 && performance.now() < deadlineMs) await delay(lookMs);
    for (const { name, judge } of lacking()) {
      this.#missing += judge.lacks(counts) - judge.skipped;
      this.#problem(`${name} was not told ${judge.lacks(counts)} messages`);
    }
    for (const problem of this.#ledger.problems(await exportedRows(this.#options.nodes[0]!.url)))
      this.#problem(problem);
  }

  #judgeReaders(): void {
    for (const { name, judge, resets } of this.readers) {
      if (judge.unwanted > 0) this.#problem(`${name} was told ${judge.unwanted} messages that it did not ask for`);
      if (resets.length > this.#endedLogs) this.#problem(`${name} was reset by ${resets.join()}`);
    }
  }

  #problem(text: string): void {
    if (this.problems.length < mostProblems) this.problems.push(text);
  }
}
