import type { IncomingMessage } from 'node:http';
import { errorCodes, type FastifyInstance } from 'fastify';
import { GatheredBytes } from '../../message/gathered-bytes.ts';

/**
 * Reads bodies of this content type as they are, into one buffer each. Fastify's own `parseAs` keeps every chunk until the
 * end. A body of more than `maxBytes` is refused as Fastify does.
 */
export function useBodyReader(server: FastifyInstance, contentType: string, maxBytes: number): void {
  server.addContentTypeParser(contentType, (request, payload, done) => {
    if (Number(request.headers['content-length']) > maxBytes) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    readBody(payload, maxBytes, done);
  });
}

function readBody(
  payload: IncomingMessage,
  maxBytes: number,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const body = new GatheredBytes();
  let isWhole = false;
  const stop = (): void => {
    payload.removeListener('data', add).removeListener('end', end).removeListener('error', fail);
  };
  const add = (chunk: Buffer): void => {
    body.add(chunk);
    if (body.length <= maxBytes) return;
    // What follows flows on to nobody.
    stop();
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  };
  const end = (): void => {
    // Its listeners go with the request, so to remove them would be for nothing (load: append --compare).
    isWhole = true;
    done(null, body.take());
  };
  const fail = (error: Error): void => {
    if (isWhole) return;
    stop();
    done(Object.assign(error, { statusCode: 400 }));
  };
  payload.on('data', add).on('end', end).on('error', fail);
  payload.resume();
}
