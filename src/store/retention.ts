/** Limits of a log or of one category. Undefined: no limit. */
export type RetentionLimits = {
  /** Messages older than this are deleted. */
  readonly maxAgeMs?: number | undefined;
  readonly maxMessages?: number | undefined;
  /** Bytes as the store counts them for messages. */
  readonly maxBytes?: number | undefined;
};

/** Retention of a category, or of the whole log if undefined. A message is deleted as soon as one rule requires it, oldest first. */
export type RetentionRule = { readonly category: string | undefined; readonly limits: RetentionLimits };

/** Maximum number of rules per namespace. */
export const maxRetentionRules = 100;

/** Outcome of changing rules; `gone`: the namespace was deleted or recreated. */
export type RetentionOutcome = 'changed' | 'too-many' | 'gone';

/** Result of one slice of retention. */
export type Forgotten = {
  readonly messages: number;
  readonly bytes: number;
  /** Whether every namespace was checked since anything was last deleted. */
  readonly isDone: boolean;
};

/** The messages that a rule covers, and those that it would delete. */
export type Kept = {
  readonly messages: number;
  readonly bytes: number;
  /** Time of the oldest message in milliseconds since 1970-01-01; undefined if there is none. */
  readonly oldestMs: number | undefined;
  /** The messages that the rule would delete. */
  readonly excess: Excess;
};

/** `isWhole`: false if the store stopped counting, so that there may be more. */
export type Excess = { readonly messages: number; readonly bytes: number; readonly isWhole: boolean };
