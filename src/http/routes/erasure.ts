import { Type } from 'typebox';
import { PokewireError } from '../../errors.ts';
import { maxImportedPosition } from '../../message/import-record.ts';
import { checkName } from '../../message/stream-name.ts';
import { requireSupport } from '../../store/capabilities.ts';
import type { Store } from '../../store/store.ts';
import { logOf } from '../plumbing/authenticate.ts';
import { streamParam } from '../plumbing/parameters.ts';
import type { Server } from '../plumbing/server.ts';

const messageParam = Type.Object({
  ...streamParam.properties,
  position: Type.String({ pattern: '^\\d{1,16}$', description: 'Position in the stream' }),
});

/** Counts erased messages. */
export type CountErased = (messages: number) => void;

/** Erases the content of messages. */
export function routeErasure(server: Server, store: Store, erased: CountErased): void {
  server.delete(
    '/streams/:stream',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'eraseStream',
        summary: 'Erase a stream',
        description:
          'Erases all messages of the stream. Its name, version and positions stay in use; subscribers are not notified.',
        tags: ['streams'],
        params: streamParam,
        response: { 200: Type.Object({ erased: Type.Integer({ minimum: 0, description: 'Number of messages' }) }) },
      },
    },
    async (request) => {
      requireSupport(store, 'erasure');
      const stream = checkName('stream', request.params.stream);
      const messages = await store.log(logOf(request)).erase(stream, undefined);
      erased(messages);
      return { erased: messages };
    },
  );

  server.delete(
    '/streams/:stream/messages/:position',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'eraseMessage',
        summary: 'Erase a message',
        description:
          'Erases the message at a position of a stream. The position stays in use; subscribers are not notified.',
        tags: ['streams'],
        params: messageParam,
        response: { 204: { type: 'null', description: 'The message is erased' } },
      },
    },
    async (request, reply) => {
      requireSupport(store, 'erasure');
      const stream = checkName('stream', request.params.stream);
      const position = Number(request.params.position);
      const messages = position > maxImportedPosition ? 0 : await store.log(logOf(request)).erase(stream, position);
      if (messages === 0) {
        throw new PokewireError('MESSAGE_NOT_FOUND', `Stream ${stream} has no message at position ${position}.`);
      }
      erased(messages);
      reply.code(204);
      return null;
    },
  );
}
