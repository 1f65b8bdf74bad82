/** How much is kept of a log, or of one category of it. Undefined: no limit of this kind. */
export type RetentionLimits = {
  /** Older messages go, by their time. */
  readonly maxAgeMs?: number | undefined;
  readonly maxMessages?: number | undefined;
  /** Bytes as the store counts them for messages. */
  readonly maxBytes?: number | undefined;
};

/** What is kept of a category; undefined: of the whole log. A message goes as soon as one rule says so, the oldest first. */
export type RetentionRule = { readonly category: string | undefined; readonly limits: RetentionLimits };

/** Rules of one namespace at most. */
export const maxRetentionRules = 100;

/** Outcome of a change of rules; `gone`: the namespace does not exist, or is another one of the same name. */
export type RetentionOutcome = 'changed' | 'too-many' | 'gone';

/** What one slice of forgetting came to. */
export type Forgotten = {
  readonly messages: number;
  readonly bytes: number;
  /** Whether every namespace has had its turn since anything was last forgotten. */
  readonly isDone: boolean;
};

/** The messages that a rule covers, and those that it would delete. */
export type Kept = {
  readonly messages: number;
  readonly bytes: number;
  /** Time of the oldest message, milliseconds since 1970; undefined: there is none. */
  readonly oldestMs: number | undefined;
  /** What the rule no longer keeps. */
  readonly excess: Excess;
};

/** `isWhole`: false where the store stopped counting, and there may be more. */
export type Excess = { readonly messages: number; readonly bytes: number; readonly isWhole: boolean };
