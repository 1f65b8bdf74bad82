import { Type } from 'typebox';
import { invalid } from '../../errors.ts';
import { isLong } from '../../message/long-json.ts';
import { categoryRowJson, streamRowJson } from '../../message/message.ts';
import { identify, isObject, kindOf, parseContent } from '../../message/new-message.ts';
import { checkName } from '../../message/stream-name.ts';
import { ownTurn } from '../../message/turns.ts';
import type { Store } from '../../store/store.ts';
import type { LimitAppends } from '../plumbing/append-limit.ts';
import type { SendMessages } from '../plumbing/message-pages.ts';
import { batchSizeQuery, groupOf, groupQuery, limitOf } from '../plumbing/parameters.ts';
import type { BeginRead } from '../plumbing/read-limit.ts';
import type { Append } from '../routes/append.ts';
import { integer, objectReader, readName, refuseManyMembers } from './arguments.ts';
import { startOfArgument } from './call.ts';
import { answerEnd, type RpcMethods } from './method.ts';

const text = Type.Optional(Type.String());

const readWriteOptions = objectReader('options', Type.Object({ id: text, expectedVersion: integer }));

const readGetOptions = objectReader(
  'options',
  Type.Object({ position: integer, globalPosition: integer, batchSize: batchSizeQuery }),
);

const readLastOptions = objectReader('options', Type.Object({ type: text }));

const readCategoryOptions = objectReader(
  'options',
  Type.Object({
    position: integer,
    globalPosition: integer,
    batchSize: batchSizeQuery,
    correlation: text,
    consumerGroup: Type.Optional(Type.Object({})),
  }),
);

const readGroup = objectReader('consumerGroup', Type.Object({ member: groupQuery.consumer, size: groupQuery.size }));

const streamRows = { message: streamRowJson, after: answerEnd };
const categoryRows = { message: categoryRowJson, after: answerEnd };

/** Dependencies of the methods for streams and categories. */
export type StreamMethodParts = {
  readonly store: Store;
  readonly append: Append;
  readonly limitAppends: LimitAppends;
  readonly beginRead: BeginRead;
  readonly sendMessages: SendMessages;
};

/** Methods that write and read messages: the same calls as the resource routes, in EventoDB's format. */
export function streamMethods(parts: StreamMethodParts): RpcMethods {
  const { store, append, limitAppends, beginRead, sendMessages } = parts;
  return {
    'stream.write': {
      scope: 'write',
      async run({ call, grant, request, reply }) {
        await limitAppends(request, reply);
        const stream = readName('stream', call.args[0]);
        const given = call.args[1];
        if (isObject(given)) refuseManyMembers('message', given);
        const content = parseContent(call.text, startOfArgument(call, 1), given, 'message.');
        if (isLong(call.text)) await ownTurn();
        const { id, expectedVersion } = readWriteOptions(call.args[2]);
        const message = identify(content, 'id', id);
        const stored = await append(grant.namespace, stream, [message], expectedVersion);
        return `{"position":${stored.position},"globalPosition":${stored.globalPosition}}`;
      },
    },

    'stream.get': {
      scope: 'read',
      async run({ call, grant, request, reply }) {
        const stream = readName('stream', call.args[0]);
        const { position = 0, globalPosition, batchSize } = readGetOptions(call.args[1]);
        const start = (from: number) => (globalPosition === undefined ? { position: from } : { globalPosition: from });
        const log = store.log(grant.namespace.log);
        return sendMessages(reply, {
          read: beginRead(request, reply),
          // A negative position means the start.
          from: Math.max(0, globalPosition ?? position),
          limit: limitOf(batchSize),
          page: (from, limit) => log.readStream(stream, start(from), limit),
          spelling: streamRows,
        });
      },
    },

    'stream.last': {
      scope: 'read',
      async run({ call, grant, request, reply }) {
        const stream = readName('stream', call.args[0]);
        const { type } = readLastOptions(call.args[1]);
        beginRead(request, reply);
        // An empty type means no filter.
        const message = await store.log(grant.namespace.log).readLast(stream, type || undefined);
        return message === undefined ? 'null' : streamRowJson(message);
      },
    },

    'stream.version': {
      scope: 'read',
      async run({ call, grant, request, reply }) {
        const stream = readName('stream', call.args[0]);
        beginRead(request, reply);
        const version = await store.log(grant.namespace.log).version(stream);
        return version === -1 ? 'null' : String(version);
      },
    },

    'category.get': {
      scope: 'read',
      async run({ call, grant, request, reply }) {
        const category = readCategory(call.args[0]);
        const {
          position = 0,
          globalPosition,
          batchSize,
          correlation,
          consumerGroup,
        } = readCategoryOptions(call.args[1]);
        const { member, size } = readGroup(consumerGroup);
        const filter = {
          category,
          group: groupOf(member, size, 'member') ?? undefined,
          // An empty correlation means no filter.
          correlation: correlation || undefined,
        };
        const log = store.log(grant.namespace.log);
        return sendMessages(reply, {
          read: beginRead(request, reply),
          from: Math.max(0, globalPosition ?? position),
          limit: limitOf(batchSize),
          page: (from, limit) => log.read(filter, from, limit),
          spelling: categoryRows,
        });
      },
    },
  };
}

/** The category; undefined for every message of the namespace, as EventoDB's exporter requests. */
function readCategory(given: unknown): string | undefined {
  if (typeof given !== 'string') throw invalid('category', `must be a string, got ${kindOf(given)}`);
  return given === '' ? undefined : checkName('category', given);
}
