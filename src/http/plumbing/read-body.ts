import { errorCodes, type FastifyInstance } from 'fastify';
import { GatheredBytes } from '../../message/gathered-bytes.ts';
import type { BodyTaker, GatheringRequest } from './gathering-request.ts';

type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Reads bodies of this content type as they are, into one buffer each. Fastify's own `parseAs` keeps every chunk until the
 * end. A body of more than `maxBytes` is refused as Fastify does.
 */
export function useBodyReader(server: FastifyInstance, contentType: string, maxBytes: number): void {
  server.addContentTypeParser(contentType, (request, payload, done) => {
    if (Number(request.headers['content-length']) > maxBytes) return done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    // All requests are the listener's.
    (payload as GatheringRequest).handTo(new WholeBody(maxBytes, done));
  });
}

/** Puts a body together. */
class WholeBody implements BodyTaker {
  readonly #maxBytes: number;
  readonly #bytes = new GatheredBytes();
  /** Undefined: the body was refused, and what follows is passed over. */
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
