import { Type } from 'typebox';
import type { AppendStats } from '../../admission/append-stats.ts';
import { PokewireError } from '../../errors.ts';
import { isLong } from '../../message/long-json.ts';
import type { NewMessage } from '../../message/message.ts';
import { maxMessagesPerAppend, parseNewMessages, parseNewMessagesInTurns } from '../../message/new-message.ts';
import { checkName, maxTypeBytes, namePattern } from '../../message/stream-name.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { AppendOutcome } from '../../store/log.ts';
import type { Namespace } from '../../store/namespace-store.ts';
import { storeFull } from '../../store/shared/store-full.ts';
import type { Store } from '../../store/store.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { nameLimits, streamParam } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';

const newMessage = Type.Object(
  {
    id: Type.Optional(
      Type.Union([Type.String({ format: 'uuid' }), Type.Literal(''), Type.Null()], {
        description: 'A UUID, which makes retries safe; generated if absent, empty or null',
      }),
    ),
    type: Type.String({
      minLength: 1,
      maxLength: maxTypeBytes,
      pattern: namePattern,
      description: `1 to ${maxTypeBytes} bytes`,
    }),
    data: Type.Object({}, { additionalProperties: true, description: 'Returned as it was written' }),
    metadata: Type.Optional(
      Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()], {
        description: 'Returned as it was written, or null',
      }),
    ),
  },
  { title: 'NewMessage', additionalProperties: false, examples: [{ type: 'Deposited', data: { amount: 100 } }] },
);

const appended = Type.Object({
  stream: Type.String(nameLimits),
  position: Type.Integer({ minimum: 0, description: 'Of the last message' }),
  globalPosition: Type.Integer({ minimum: 1, description: 'Of the last message' }),
  count: Type.Integer({ minimum: 1, maximum: maxMessagesPerAppend }),
});

export function routeAppend(server: Server, append: Append): void {
  const { limitAppends } = server;
  server.post(
    '/streams/:stream/messages',
    {
      config: { access: 'write' },
      schema: {
        operationId: 'appendMessages',
        summary: 'Append',
        description: `Appends one message, or an array of 1 to ${maxMessagesPerAppend} messages atomically.`,
        tags: ['streams'],
        params: streamParam,
        querystring: Type.Object({
          expectedVersion: Type.Optional(
            Type.Integer({
              minimum: -1,
              description: 'Position that the last message of the stream must have; -1: the stream must not exist',
            }),
          ),
        }),
        body: Type.Union([newMessage, Type.Array(newMessage, { minItems: 1, maxItems: maxMessagesPerAppend })]),
        response: {
          201: Type.Object(appended.properties, { title: 'Appended', description: 'Stored' }),
          200: Type.Object(appended.properties, {
            title: 'Appended',
            description: 'A retry: the messages were already stored',
          }),
        },
      },
    },
    async (request, reply) => {
      // Usually there is no limit, and nothing to wait for.
      const counted = limitAppends(request, reply);
      if (counted !== undefined) await counted;
      const stream = checkName('stream', request.params.stream);
      const body = request.body as unknown as Buffer | undefined;
      const isInTurns = body !== undefined && isLong(body);
      const messages = isInTurns ? await parseNewMessagesInTurns(body) : parseNewMessages(body);
      const { expectedVersion } = request.query;
      const { outcome, position, globalPosition } = await append(
        grantOf(request).namespace,
        stream,
        messages,
        expectedVersion,
      );
      reply.code(outcome === 'appended' ? 201 : 200);
      return { stream, position, globalPosition, count: messages.length };
    },
  );
}

/** Appends and counts; throws if nothing was stored, with the reason. Every route that appends uses this. */
export type Append = (
  namespace: Namespace,
  stream: string,
  messages: readonly NewMessage[],
  expectedVersion: number | undefined,
) => Promise<Accepted>;

export function appendTo(store: Store, stats: AppendStats): Append {
  return async (namespace, stream, messages, expectedVersion) => {
    requireSupport(store, 'appends');
    let outcome = await store.log(namespace.log).append(stream, messages, expectedVersion);
    if (outcome.outcome === 'gone') {
      const now = await store.namespaces.find(namespace.id);
      // An import has replaced the log, and the append is valid for the new one too.
      if (now?.uid === namespace.uid && now.log !== namespace.log) {
        outcome = await store.log(now.log).append(stream, messages, expectedVersion);
      }
    }
    stats.count(outcome, messages.length);
    return accepted(stream, outcome);
  };
}

type Accepted = Extract<AppendOutcome, { position: number }>;

/** The result if the messages are stored; throws the reason if they are not. */
function accepted(stream: string, outcome: AppendOutcome): Accepted {
  switch (outcome.outcome) {
    case 'appended':
    case 'known':
      return outcome;
    case 'version-conflict': {
      const { expected, actual } = outcome;
      throw new PokewireError(
        'STREAM_VERSION_CONFLICT',
        `Stream ${stream} is at version ${actual}, not at the expected ${expected}. Read the new messages and decide again.`,
        { details: { expected, actual } },
      );
    }
    case 'duplicate-id':
      throw new PokewireError(
        'DUPLICATE_MESSAGE_ID',
        `A message with id ${outcome.id} already exists with different content. Every message needs its own id.`,
        { details: { id: outcome.id } },
      );
    case 'gone':
      throw new PokewireError('NAMESPACE_NOT_FOUND', 'The namespace was deleted during the append.');
    case 'full':
      throw storeFull(outcome);
  }
}
