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
  /** What falls upon whom, one after the other. */
  readonly faults: readonly Fault[];
  readonly members: readonly Member[];
  readonly subscribers: number;
  readonly writers: number;
  readonly durationMs: number;
  /** Mean time from the end of a fault to the next. */
  readonly calmMs: number;
  readonly seed: number;
};

export type Phase = 'chaos' | 'settles' | 'over';

/** What is wrong, and is to stay 0. */
export type Wrong = { readonly lost: number; readonly doubled: number; readonly disordered: number };

/** Mean time between two appends of a writer. */
const pauseMs = 40;
/** Behind the last fault everybody has so long to be told everything. */
const settleMs = 60_000;
const lookMs = 100;
const mostProblems = 20;
const streams = [...ownStreams, ...sharedStreams];
const wishes = kinds.filter(({ stalls, conflated }) => !stalls && !conflated);

/**
 * Writers append to several nodes and subscribers hear them, while one fault after the other falls upon nodes and store. Every
 * poke is judged as it comes, so what is wrong can be seen at any time.
 */
export class Chaos {
  readonly members: readonly Member[];
  readonly readers: readonly JudgedReader[];
  readonly ledger = new Ledger();
  readonly durationMs: number;
  /** How often each fault has happened. */
  readonly inflicted = new Map<string, number>();
  readonly problems: string[] = [];
  phase: Phase = 'chaos';
  /** The fault that is under way. */
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

  get wrong(): Wrong {
    const sum = (of: (reader: JudgedReader) => number) => this.readers.reduce((total, reader) => total + of(reader), 0);
    return {
      lost: this.#missing + sum(({ judge }) => judge.skipped),
      doubled: sum(({ judge }) => judge.doubled),
      disordered: sum(({ judge }) => judge.disordered),
    };
  }

  /** Whether nothing is wrong. */
  get isClean(): boolean {
    const { lost, doubled, disordered } = this.wrong;
    return lost + doubled + disordered === 0 && this.problems.length === 0;
  }

  /** Resolves when the time is over, or the signal has come, and everybody was told everything, or cannot be. */
  async run(early: AbortSignal): Promise<void> {
    const { nodes, durationMs, writers } = this.#options;
    const stop = new AbortController();
    const stopWriting = new AbortController();
    const reading = Promise.all(this.readers.map((reader) => reader.run(stop.signal)));
    try {
      await Promise.race([Promise.all(this.readers.map(({ begun }) => begun)), reading]);
      this.#startMs = performance.now();
      const url = () => this.#random.pick(nodes).url;
      const writing = Promise.all(
        Array.from({ length: writers }, () =>
          writeOverHttp({ url, streams, ledger: this.ledger, random: this.#random, pauseMs }, stopWriting.signal),
        ),
      );
      // A writer that gives up ends the run.
      writing.catch(() => stop.abort());
      await this.#inflict(AbortSignal.any([early, stop.signal, AbortSignal.timeout(durationMs)]));
      this.phase = 'settles';
      stopWriting.abort();
      await writing;
      await this.#settle();
      for (const problem of this.ledger.problems(await exportedRows(nodes[0]!.url))) this.#problem(problem);
    } finally {
      stopWriting.abort();
      stop.abort();
      await reading;
      this.phase = 'over';
    }
  }

  async #inflict(over: AbortSignal): Promise<void> {
    const { faults, calmMs } = this.#options;
    const drawn = faults.flatMap((fault) => new Array<Fault>(fault.weight).fill(fault));
    for (;;) {
      await delay(this.#random.gapMs(calmMs), undefined, { signal: over }).catch(() => {});
      if (over.aborted) return;
      const { name, inflict } = this.#random.pick(drawn);
      this.fault = name;
      await inflict(this.#random);
      this.fault = undefined;
      this.inflicted.set(name, (this.inflicted.get(name) ?? 0) + 1);
    }
  }

  /** Everybody is told the rest, or lacks it for good. */
  async #settle(): Promise<void> {
    const { counts } = this.ledger;
    const lacking = () => this.readers.filter(({ judge }) => judge.lacks(counts) > 0);
    const deadlineMs = performance.now() + settleMs;
    while (lacking().length > 0 && performance.now() < deadlineMs) await delay(lookMs);
    for (const { name, judge } of lacking()) {
      this.#missing += judge.lacks(counts) - judge.skipped;
      this.#problem(`${name} was not told ${judge.lacks(counts)} messages`);
    }
    for (const { name, judge, resets } of this.readers) {
      if (judge.unwanted > 0) this.#problem(`${name} was told ${judge.unwanted} messages that it did not ask for`);
      if (resets.length > 0) this.#problem(`${name} was reset by ${resets.join()}`);
    }
  }

  #problem(text: string): void {
    if (this.problems.length < mostProblems) this.problems.push(text);
  }
}
