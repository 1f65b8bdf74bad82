import { Type } from 'typebox';
import { generationMembers, maxGroupEntries, positionMember, sessionText, streamText } from './group-requests.ts';

const strict = { additionalProperties: false };
export const generationSchema = Type.Object(generationMembers, { title: 'Generation' });
const ackSchema = Type.Object(
  { ...generationMembers, position: positionMember },
  { title: 'Acknowledgement', ...strict },
);
const acks = Type.Array(ackSchema, {
  maxItems: maxGroupEntries,
  description: 'Partitions, each with the position up to which it is settled',
});
const beatNumber = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Increases with each beat',
});
const beatSchema = Type.Object({ session: sessionText, beat: beatNumber }, { title: 'Beat', ...strict });
const exampleAck = { partition: 3, layout: 0, generation: 42, position: 1234 };
const example = { session: 'k3J7c0b6RZq1xw2A' };

/** Request bodies of consumer group workers. */
export const workBodies = {
  beat: Type.Object(beatSchema.properties, { title: 'GroupBeat', ...strict, examples: [{ ...example, beat: 17 }] }),
  beats: Type.Object(
    { beats: Type.Array(beatSchema, { maxItems: maxGroupEntries, description: 'One per session' }) },
    { title: 'GroupBeats', ...strict, examples: [{ beats: [{ ...example, beat: 17 }] }] },
  ),
  ack: Type.Object(
    { session: sessionText, beat: Type.Optional(beatNumber), acks },
    { title: 'GroupAck', ...strict, examples: [{ ...example, acks: [exampleAck] }] },
  ),
  release: Type.Object(
    { session: sessionText, releases: acks },
    { title: 'GroupRelease', ...strict, examples: [{ ...example, releases: [exampleAck] }] },
  ),
  leave: Type.Object(
    {
      session: sessionText,
      acks: Type.Optional(acks),
      keepMs: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 60_000,
          description: 'How long to reserve the share for a member with the same name, in milliseconds',
        }),
      ),
    },
    { title: 'GroupLeave', ...strict, examples: [{ ...example, acks: [exampleAck], keepMs: 10_000 }] },
  ),
  hold: Type.Object(
    {
      session: sessionText,
      ...generationMembers,
      stream: streamText,
      position: Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Stream position of the failed message',
      }),
      error: Type.String({ maxLength: 4_096, description: 'Stored up to 500 characters' }),
      retryInMs: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 86_400_000, description: 'Absent: the stream is parked, as with park' }),
      ),
      park: Type.Optional(Type.Literal(true, { description: 'The stream waits until an administrator acts' })),
    },
    {
      title: 'GroupHold',
      ...strict,
      examples: [
        {
          ...example,
          ...generationOf(exampleAck),
          stream: 'account-28',
          position: 7,
          error: 'timeout',
          retryInMs: 5_000,
        },
      ],
    },
  ),
  settle: Type.Object(
    {
      session: sessionText,
      ...generationMembers,
      stream: streamText,
      position: Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Stream position up to which messages are settled',
      }),
      upTo: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'Global position up to which the worker has skipped messages of the stream',
        }),
      ),
    },
    {
      title: 'GroupSettle',
      ...strict,
      examples: [{ ...example, ...generationOf(exampleAck), stream: 'account-28', position: 7 }],
    },
  ),
};

/** The part of a request that identifies a partition in one generation. */
export function generationOf<T extends { partition: number; layout: number; generation: number }>({
  partition,
  layout,
  generation,
}: T) {
  return { partition, layout, generation };
}
