import { errorCodes, type FastifyInstance } from 'fastify';
import { GatheredBytes } from '../../message/gathered-bytes.ts';
import type { BodyTaker, GatheringRequest } from './gathering-request.ts';

type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Reads bodies of this content type unparsed, into one buffer each. Fastify's own `parseAs` keeps every chunk until the
 * end. A body larger than `maxBytes` gets Fastify's own error.
 */
export function useBodyReader(server: FastifyInstance, contentType: string, maxBytes: number): void {
  server.addContentTypeParser(contentType, (request, payload, done) => {
    if (Number(request.headers['content-length']) > maxBytes) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    // All requests come from the listener, which creates this class.
    (payload as GatheringRequest).handTo(new WholeBody(maxBytes, done));
  });
}

/** Collects a body. */
class WholeBody implements BodyTaker {
  readonly #maxBytes: number;
  readonly #bytes = new GatheredBytes();
  /** Undefined: the body was refused, and the rest is ignored. */
  #done: Done | undefined;

  constructor(maxBytes: number, done: Done) {
    this.#maxBytes = maxBytes;
    this.#done = done;
  }

  add(piece: Buffer): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#bytes.add(piece);
    if (this.#bytes.length <= this.#maxBytes) return;
    this.#done = undefined;
    this.#bytes.take();
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
  }

  end(): void {
    this.#done?.(null, this.#bytes.take());
  }

  fail(error: Error): void {
    this.#done?.(Object.assign(error, { statusCode: 400 }));
  }
}
