import { type Static, Type } from 'typebox';
import { invalid } from '../../errors.ts';
import { timeText } from '../../message/message-time.ts';
import type { ListedRule } from '../../retention/retention-rules.ts';
import type { RetentionLimits } from '../../store/retention.ts';

const limit = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description }));

/** Limits of a rule; absent ones are not limited. */
export const limitsSchema = Type.Object(
  {
    maxAgeMs: limit('Maximum age of messages in milliseconds'),
    maxMessages: limit('Maximum number of messages'),
    maxBytes: limit('Maximum number of bytes, as the store counts them'),
  },
  {
    title: 'RetentionLimits',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ maxAgeMs: 604_800_000, maxMessages: 1_000_000 }],
  },
);

/** Parses the limits; throws `INVALID_REQUEST` if there is none. */
export function limitsOf(given: Static<typeof limitsSchema>): RetentionLimits {
  const { maxAgeMs, maxMessages, maxBytes } = given;
  if (maxAgeMs === undefined && maxMessages === undefined && maxBytes === undefined) {
    throw invalid('retention', 'must have maxAgeMs, maxMessages or maxBytes; to keep everything, delete the rule');
  }
  return { maxAgeMs, maxMessages, maxBytes };
}

/** A rule in answers. */
export function ruleJson({ category, limits, isDefault, kept }: ListedRule) {
  const { maxAgeMs = null, maxMessages = null, maxBytes = null } = limits;
  const { messages, bytes, oldestMs, excess } = kept;
  const oldest = oldestMs === undefined ? null : timeText({ timeMs: oldestMs, timeNanos: 0 });
  const holds = { messages, bytes, oldest };
  const takes = { messages: excess.messages, bytes: excess.bytes, isWhole: excess.isWhole };
  return { category: category ?? null, maxAgeMs, maxMessages, maxBytes, isDefault, holds, takes };
}
