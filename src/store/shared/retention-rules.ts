import type { Namespace } from '../namespace-store.ts';
import { type Forgotten, maxRetentionRules, type RetentionLimits, type RetentionRule } from '../retention.ts';

/** Rules that one call checks at most. */
const maxRulesLookedAt = 1_000;

/** How many messages there are, and what they count. */
export type Amount = { readonly messages: number; readonly bytes: number };

/** Goes through messages, the oldest first, and says how long each one goes. */
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

  /** What is left of what it began with. */
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

/** The rules with one of them changed, or, without limits, taken away; undefined: they are too many. */
export function withRule(
  rules: readonly RetentionRule[],
  category: string | undefined,
  limits: RetentionLimits | undefined,
): readonly RetentionRule[] | undefined {
  const others = rules.filter((rule) => rule.category !== category);
  if (limits === undefined) return others;
  return others.length >= maxRetentionRules ? undefined : [...others, { category, limits }];
}

/** The rules that hold for a namespace: its own, and the default unless it has one for the whole log. */
export function rulesInForce(
  { retention }: Pick<Namespace, 'retention'>,
  initial: RetentionLimits,
): readonly RetentionRule[] {
  if (!hasLimit(initial) || retention.some(({ category }) => category === undefined)) return retention;
  return [...retention, { category: undefined, limits: initial }];
}

/** Whether the whole log has a rule, so that a full store forgets its oldest messages. */
export function forgetsWhenFull(namespace: Pick<Namespace, 'retention'>, initial: RetentionLimits): boolean {
  return rulesInForce(namespace, initial).some(({ category }) => category === undefined);
}

export function hasLimit({ maxAgeMs, maxMessages, maxBytes }: RetentionLimits): boolean {
  return maxAgeMs !== undefined || maxMessages !== undefined || maxBytes !== undefined;
}

/** What bounds one slice, which other work waits for. */
export type SliceBounds = {
  readonly maxMessages: number;
  /** Messages taken between two looks at the clock, divided among the rules of a namespace. */
  readonly pieceMessages: number;
  /** No further piece is begun after so long. */
  readonly maxMs: number;
};

/** What the namespaces of an engine are to it. */
export type ForgettingOptions = {
  readonly namespaces: () => Iterator<Namespace>;
  /** Limits of namespaces without a rule for their whole log. */
  readonly initial: RetentionLimits;
  readonly slice: SliceBounds;
  /** Deletes the oldest messages of a namespace that the rule no longer keeps, at most `most`. */
  readonly forget: (namespace: Namespace, rule: RetentionRule, most: number, nowMs: number) => Amount;
  /** A clock that only goes forward, milliseconds. */
  readonly clock?: () => number;
};

/** Gives each namespace its turn: one piece, whatever there is to forget in it, and then the next one, round after round. */
export class ForgettingTurns {
  readonly #options: ForgettingOptions;
  readonly #clock: () => number;
  #turns: Iterator<Namespace> | undefined = undefined;
  #tookInRound = false;

  constructor(options: ForgettingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Forgets one slice. */
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

  /** Begins a new round: what was read of the namespaces before is old. */
  restart(): void {
    this.#turns = undefined;
    this.#tookInRound = false;
  }
}
