import { randomInt } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode, PokewireError } from '../../errors.ts';
import { Connection } from '../../sse/connection.ts';
import { endFrame, retryFrame } from '../../sse/frame.ts';
import { holdsToken } from '../plumbing/clean-text.ts';
import { acceptsEventStream, eventStreamHead, framingOf } from '../plumbing/event-stream.ts';
import { takeSocket } from '../plumbing/take-socket.ts';

/** Bounds of the reconnection time sent to subscribers. */
export type RetryBounds = { readonly retryMinMs: number; readonly retryMaxMs: number };

/** Transient errors, after which reconnecting later helps. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'TOO_MANY_SUBSCRIPTIONS',
  'OVERLOADED',
  'NOT_READY',
  'RATE_LIMITED',
  'BACKEND_ERROR',
  'INTERNAL_ERROR',
]);

/** Printable ASCII of a reasonable length, so that the cursor is safe in a field of the stream. */
const echoable = /^[!-~]{1,128}$/;

/** A random reconnection time in milliseconds, so that subscribers that lost a server together do not reconnect together. */
export function randomRetryMs({ retryMinMs, retryMaxMs }: RetryBounds): number {
  return randomInt(retryMinMs, retryMaxMs + 1);
}

/** The cursor that the client sent. The header takes precedence, because an `EventSource` repeats its URL forever. */
export function claimedText({ headers, query }: FastifyRequest): string | undefined {
  const { lastEventId } = query as { lastEventId?: unknown };
  const text = headers['last-event-id'] || lastEventId;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** Whether to answer with an event stream, because an `EventSource` would never reconnect after an error status. */
export function isRefusedByStream(request: FastifyRequest, { code }: PokewireError): boolean {
  return passing.has(code) && acceptsEventStream(request);
}

/**
 * Answers with a stream that contains the reconnection time and is then cut off, so that clients treat it as a lost
 * connection. Subscribers that asked for named events also get the code and their own cursor. Resolves when the answer
 * was written.
 */
export async function refuseByStream(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: PokewireError,
  retryBounds: RetryBounds,
): Promise<void> {
  const frames = [retryFrame(randomRetryMs(retryBounds))];
  if ((request.query as { hello?: unknown }).hello === 'true') {
    const claimed = claimedText(request);
    const echo = claimed !== undefined && echoable.test(claimed) && !holdsToken(claimed) ? claimed : undefined;
    frames.push(endFrame(refusal.code.toLowerCase().replaceAll('_', '-'), echo));
  }
  const framing = framingOf(request.raw);
  const head = eventStreamHead(reply, framing);
  reply.hijack();
  const socket = await takeSocket(request.raw, reply.raw);
  request.server.noteAnswer(request, reply, refusal.status);
  if (socket === undefined) return;
  const connection = new Connection(socket, { drained: () => {}, closed: () => {} }, framing);
  if (connection.open(head, Buffer.concat(frames))) connection.end(false);
  else connection.destroy();
}
