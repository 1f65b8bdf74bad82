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

  /** Whether the oldest message that is left goes; it is no longer left then. */
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

/** What the namespaces of an engine are to it. */
export type ForgettingOptions = {
  readonly namespaces: () => Iterator<Namespace>;
  /** Of namespaces without a rule for their whole log. */
  readonly initial: RetentionLimits;
  /** Messages of one slice at most. */
  readonly sliceMessages: number;
  /** Forgets the oldest messages of a namespace that the rule no longer keeps, at most so many. */
  readonly forget: (namespace: Namespace, rule: RetentionRule, most: number, nowMs: number) => Amount;
};

/** Gives each namespace its turn: one slice, whatever there is to forget in it, and then the next one. */
export class ForgettingTurns {
  readonly #options: ForgettingOptions;
  #turns: Iterator<Namespace> | undefined = undefined;

  constructor(options: ForgettingOptions) {
    this.#options = options;
  }

  /** Forgets one slice, of the first namespace in turn that has anything to forget. */
  forget(nowMs: number): Forgotten {
    const { namespaces, initial, sliceMessages, forget } = this.#options;
    let messages = 0;
    let bytes = 0;
    for (let looked = 0; looked < maxRulesLookedAt && messages === 0; looked++) {
      this.#turns ??= namespaces();
      const turn = this.#turns.next();
      if (turn.done === true) {
        this.#turns = undefined;
        return { messages, bytes, isRoundOver: true };
      }
      const rules = rulesInForce(turn.value, initial);
      const most = Math.max(1, Math.floor(sliceMessages / rules.length));
      for (const rule of rules) {
        const slice = forget(turn.value, rule, most, nowMs);
        messages += slice.messages;
        bytes += slice.bytes;
      }
      looked += rules.length;
    }
    return { messages, bytes, isRoundOver: false };
  }

  /** Begins a new round: what was read of the namespaces before is old. */
  restart(): void {
    this.#turns = undefined;
  }
}
