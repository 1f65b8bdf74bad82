import type { Namespace } from '../namespace-store.ts';
import { type Forgotten, maxRetentionRules, type RetentionLimits, type RetentionRule } from '../retention.ts';

/** Maximum number of rules evaluated in one call. */
const maxRulesLookedAt = 1_000;

/** A number of messages and their bytes. */
export type Amount = { readonly messages: number; readonly bytes: number };

/** Evaluates a rule message by message, starting with the oldest. */
export class OldestFirst {
  readonly #limits: RetentionLimits;
  readonly #nowMs: number;
  #messages: number;
  #bytes: number;

  constructor(limits: RetentionLimits, { messages, bytes }: Amount, nowMs: number) {
    this.#limits = limits;
    this.#messages = messages;
    this.#bytes = bytes;
    this.#nowMs = nowMs;
  }

  /** The remaining messages and bytes. */
  get left(): Amount {
    return { messages: this.#messages, bytes: this.#bytes };
  }

  /** Whether the rule deletes the oldest remaining message; if so, that message is no longer counted. */
  takes(timeMs: number, bytes: number): boolean {
    const { maxAgeMs, maxMessages, maxBytes } = this.#limits;
    const isOver =
      (maxMessages !== undefined && this.#messages > maxMessages) ||
      (maxBytes !== undefined && this.#bytes > maxBytes) ||
      (maxAgeMs !== undefined && this.#nowMs - timeMs > maxAgeMs);
    if (!isOver) return false;
    this.#messages--;
    this.#bytes -= bytes;
    return true;
  }
}

/** The rules with one of them changed or, without limits, removed; undefined if there would be too many. */
export function withRule(
  rules: readonly RetentionRule[],
  category: string | undefined,
  limits: RetentionLimits | undefined,
): readonly RetentionRule[] | undefined {
  const others = rules.filter((rule) => rule.category !== category);
  if (limits === undefined) return others;
  return others.length >= maxRetentionRules ? undefined : [...others, { category, limits }];
}

/** The rules of a namespace, plus the default if none of them covers the whole log. */
export function rulesInForce(
  { retention }: Pick<Namespace, 'retention'>,
  initial: RetentionLimits,
): readonly RetentionRule[] {
  if (!hasLimit(initial) || retention.some(({ category }) => category === undefined)) return retention;
  return [...retention, { category: undefined, limits: initial }];
}

/** Whether a rule covers the whole log, so that a full store deletes its oldest messages. */
export function forgetsWhenFull(namespace: Pick<Namespace, 'retention'>, initial: RetentionLimits): boolean {
  return rulesInForce(namespace, initial).some(({ category }) => category === undefined);
}

export function hasLimit({ maxAgeMs, maxMessages, maxBytes }: RetentionLimits): boolean {
  return maxAgeMs !== undefined || maxMessages !== undefined || maxBytes !== undefined;
}

/** Bounds of one slice, during which other work waits. */
export type SliceBounds = {
  readonly maxMessages: number;
  /** Messages between two checks of the clock, shared by all rules of a namespace. */
  readonly pieceMessages: number;
  /** Time after which the slice starts no further piece. */
  readonly maxMs: number;
};

/** The part of an engine that {@link ForgettingTurns} uses. */
export type ForgettingOptions = {
  readonly namespaces: () => Iterator<Namespace>;
  /** Limits of namespaces without a rule for their whole log. */
  readonly initial: RetentionLimits;
  readonly slice: SliceBounds;
  /** Deletes the oldest messages that a namespace's rule no longer keeps, at most `most`. */
  readonly forget: (namespace: Namespace, rule: RetentionRule, most: number, nowMs: number) => Amount;
  /** A monotonic clock in milliseconds. */
  readonly clock?: () => number;
};

/** Processes namespaces round robin: one bounded piece of each, however much there is to delete, then the next one. */
export class ForgettingTurns {
  readonly #options: ForgettingOptions;
  readonly #clock: () => number;
  #turns: Iterator<Namespace> | undefined = undefined;
  #tookInRound = false;

  constructor(options: ForgettingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Runs one slice. */
  forget(nowMs: number): Forgotten {
    const { namespaces, initial, slice, forget } = this.#options;
    const startMs = this.#clock();
    let messages = 0;
    let bytes = 0;
    let looked = 0;
    do {
      this.#turns ??= namespaces();
      const turn = this.#turns.next();
      if (turn.done === true) {
        const isDone = !this.#tookInRound;
        this.restart();
        if (isDone) return { messages, bytes, isDone };
        continue;
      }
      const rules = rulesInForce(turn.value, initial);
      const most = Math.min(slice.pieceMessages, slice.maxMessages - messages);
      const before = messages;
      for (const rule of rules) {
        const piece = forget(turn.value, rule, Math.max(1, Math.floor(most / rules.length)), nowMs);
        messages += piece.messages;
        bytes += piece.bytes;
      }
      if (messages > before) this.#tookInRound = true;
      looked += 1 + rules.length;
    } while (looked < maxRulesLookedAt && messages < slice.maxMessages && this.#clock() - startMs < slice.maxMs);
    return { messages, bytes, isDone: false };
  }

  /** Starts a new round with a fresh list of namespaces. */
  restart(): void {
    this.#turns = undefined;
    this.#tookInRound = false;
  }
}
