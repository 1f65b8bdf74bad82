import { Type } from 'typebox';
import { invalid } from '../../errors.ts';
import { type ConsumerGroup, maxGroupSize } from '../../message/consumer-group.ts';
import { checkName, maxNameBytes, namePattern } from '../../message/stream-name.ts';

/** A read returns at most this many messages unless `batchSize` says otherwise. */
const defaultBatchSize = 1_000;

/** A list returns at most this many entries unless `limit` says otherwise. */
export const defaultPageSize = 100;

/** A list returns at most this many entries whatever `limit` says. */
export const maxPageSize = 1_000;

const maxBatchSize = 10_000;

/** Lengths of a name, as schemas count them; its bytes are limited to the same number. */
export const nameLimits = { minLength: 1, maxLength: maxNameBytes };

/** What a name is, for descriptions; {@link checkName} refuses in words what is none. */
export const nameText = { ...nameLimits, pattern: namePattern };

/** The same of a category, which has no hyphen. */
export const categoryText = { ...nameLimits, pattern: '^[^-\\u0000-\\u001f\\u007f-\\u009f]*$' };

/** What the name of a consumer group or of a member is, for descriptions. */
export const groupText = { minLength: 1, maxLength: 128, pattern: namePattern };

/** Of paths that name a stream. */
export const streamParam = Type.Object({
  stream: Type.String({ description: 'Stream name, percent-encoded, e.g. account-123' }),
});

/** Of paths that name a category. */
export const categoryParam = Type.Object({
  category: Type.String({ description: 'Category: what stands before the first hyphen of a stream name' }),
});

/** Reads a category; throws `INVALID_REQUEST`, also for a stream's name, which would be a category that never has a message. */
export function readCategory(field: string, name: string): string {
  const hyphen = checkName(field, name).indexOf('-');
  if (hyphen === -1) return name;
  throw invalid(
    field,
    `cannot contain a hyphen: name the stream with stream=, or the category by the text before the first hyphen, ` +
      `"${name.slice(0, hyphen)}"`,
  );
}

/** The query parameter `position`; what it counts differs from route to route. */
export function positionQuery(description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, description }));
}

/** Of reads of messages: which log they must be of. */
export const epochQuery = Type.Optional(
  Type.String({ maxLength: 64, description: 'The log to read, from a hello event; 410 when it is another one' }),
);

/** Of reads; {@link limitOf} says what it means. */
export const batchSizeQuery = Type.Optional(
  Type.Integer({
    minimum: -1,
    maximum: maxBatchSize,
    description: `Messages at most, 1 to ${maxBatchSize}; -1: all; 0 or absent: ${defaultBatchSize}`,
  }),
);

/** `batchSize` as a number of messages. */
export function limitOf(batchSize = 0): number {
  if (batchSize === -1) return Number.POSITIVE_INFINITY;
  return batchSize === 0 ? defaultBatchSize : batchSize;
}

/** The query parameters of a consumer group member. */
export const groupQuery = {
  consumer: Type.Optional(
    Type.Integer({ minimum: 0, maximum: maxGroupSize, description: 'Consumer group member, from 0; with size' }),
  ),
  size: Type.Optional(
    Type.Integer({ minimum: 1, maximum: maxGroupSize, description: 'Members of the consumer group' }),
  ),
};

/**
 * The group that a member and `size` name, null when neither is given; throws `INVALID_REQUEST`. `name` is what the request
 * calls the member.
 */
export function groupOf(
  member: number | undefined,
  size: number | undefined,
  name: 'consumer' | 'member' = 'consumer',
): ConsumerGroup | null {
  if (member === undefined && size === undefined) return null;
  if (size === undefined) throw invalid('size', 'is missing: a consumer group member needs the size of its group');
  if (member === undefined) throw invalid(name, 'is missing: which member of the group asks, from 0');
  if (member >= size) throw invalid(name, `must be less than size: a group of ${size} has members 0 to ${size - 1}`);
  return { member, size };
}

/** Of lists: `cursor` is the one the previous page ended with. */
export const pageQuery = {
  cursor: Type.Optional(
    Type.String({ maxLength: maxNameBytes, description: 'Where the previous page ended, exclusive' }),
  ),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: maxPageSize, description: `Entries at most; absent: ${defaultPageSize}` }),
  ),
};

/** The `cursor` that a list ends with. */
export const nextCursor = Type.Union([Type.String({ maxLength: maxNameBytes }), Type.Null()], {
  description: 'Of the next page, also when it is empty, as the category of `-1` is; null: this is the last',
});
