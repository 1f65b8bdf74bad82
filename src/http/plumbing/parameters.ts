import { Type } from 'typebox';
import { invalid } from '../../errors.ts';
import { type ConsumerGroup, maxGroupSize } from '../../message/consumer-group.ts';
import { checkName, maxNameBytes, namePattern } from '../../message/stream-name.ts';

/** Messages per read unless `batchSize` is given. */
const defaultBatchSize = 1_000;

/** Entries per list page unless `limit` is given. */
export const defaultPageSize = 100;

/** Maximum number of entries per list page. */
export const maxPageSize = 1_000;

const maxBatchSize = 10_000;

/** Length of a name as schemas count it, in characters. The limit in bytes is the same number. */
export const nameLimits = { minLength: 1, maxLength: maxNameBytes };

/** Schema of a name; {@link checkName} gives the reason for refusing one. */
export const nameText = { ...nameLimits, pattern: namePattern };

/** Schema of a category, which has no hyphen. */
export const categoryText = { ...nameLimits, pattern: '^[^-\\u0000-\\u001f\\u007f-\\u009f]*$' };

/** Schema of a group's or member's name. */
export const groupText = { minLength: 1, maxLength: 128, pattern: namePattern };

/** For paths that contain a stream. */
export const streamParam = Type.Object({
  stream: Type.String({ description: 'Stream name, percent-encoded, e.g. account-123' }),
});

/** For paths that contain a category. */
export const categoryParam = Type.Object({
  category: Type.String({ description: 'Category: the part of a stream name before its first hyphen' }),
});

/** Reads a category. Throws `INVALID_REQUEST`, also for a stream's name, since that would be a category that never has messages. */
export function readCategory(field: string, name: string): string {
  const hyphen = checkName(field, name).indexOf('-');
  if (hyphen === -1) return name;
  throw invalid(
    field,
    `cannot contain a hyphen: name the stream with stream=, or the category by the text before the first hyphen, ` +
      `"${name.slice(0, hyphen)}"`,
  );
}

/** The query parameter `position`, whose unit depends on the route. */
export function positionQuery(description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, description }));
}

/** For reads of messages: the log they must come from. */
export const epochQuery = Type.Optional(
  Type.String({ maxLength: 64, description: 'The log to read, from a hello event; 410 if the server has another one' }),
);

/** For reads; see {@link limitOf}. */
export const batchSizeQuery = Type.Optional(
  Type.Integer({
    minimum: -1,
    maximum: maxBatchSize,
    description: `Maximum number of messages, 1 to ${maxBatchSize}; -1: all; 0 or absent: ${defaultBatchSize}`,
  }),
);

/** Converts `batchSize` to a number of messages. */
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
    Type.Integer({ minimum: 1, maximum: maxGroupSize, description: 'Number of members of the consumer group' }),
  ),
};

/**
 * The consumer group given by a member and `size`; null if neither is given. Throws `INVALID_REQUEST`. `name`: the
 * parameter name for the member in errors.
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

/** For lists: `cursor` is the cursor that the previous page returned. */
export const pageQuery = {
  cursor: Type.Optional(
    Type.String({ maxLength: maxNameBytes, description: 'The cursor returned with the previous page' }),
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: maxPageSize,
      description: `Maximum number of entries. Default: ${defaultPageSize}`,
    }),
  ),
};

/** The cursor for the next page of a list. */
export const nextCursor = Type.Union([Type.String({ maxLength: maxNameBytes }), Type.Null()], {
  description:
    'Cursor for the next page, which may be the empty text (the category of `-1`); null: this is the last page',
});
