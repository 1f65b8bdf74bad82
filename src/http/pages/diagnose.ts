import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AuthMode } from '../../access/access.ts';
import { PokewireError } from '../../errors.ts';
import { payloadOf, tickFrame } from '../../sse/frame.ts';
import { retryAfter } from '../plumbing/append-limit.ts';
import { grantOf } from '../plumbing/authenticate.ts';
import { eventStreamHead, framingOf } from '../plumbing/event-stream.ts';
import type { Server } from '../plumbing/server.ts';
import { takeSocket } from '../plumbing/take-socket.ts';
import { routePage } from './page.ts';
import { maxTestStreams, maxTestStreamsOfNamespace, type Rhythm, type TestStreams } from './test-streams.ts';

/** `Retry-After` when no test stream is free: these seconds, plus a random number. */
const leastRetrySeconds = 5;
const retrySpreadSeconds = 10;

const maxEvents = 100;
const maxEveryMs = 1_000;
const maxSilentMs = 900_000;

/** Upper bound of a test stream's duration. */
export const longestTestStreamMs = (maxEvents - 1) * maxEveryMs + maxSilentMs;

const streamQuery = Type.Object({
  events: Type.Optional(
    Type.Integer({ minimum: 0, maximum: maxEvents, description: 'Number of events before the last one. Default: 12' }),
  ),
  everyMs: Type.Optional(
    Type.Integer({ minimum: 10, maximum: maxEveryMs, description: 'Milliseconds between events. Default: 250' }),
  ),
  silentMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: maxSilentMs,
      description: 'Milliseconds of silence before the last event. Default: 1000',
    }),
  ),
});

/** Headers that reveal a proxy. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

const connectionSchema = Type.Object({
  httpVersion: Type.String({ description: 'Version of the request as received by the server' }),
  host: Type.Union([Type.String(), Type.Null()], { description: 'The Host of the request' }),
  scheme: Type.Union([Type.Literal('http'), Type.Literal('https')], {
    description: 'The scheme the visitor uses, by X-Forwarded-Proto',
  }),
  address: Type.String({ description: 'Address of the visitor, as used by limits per address' }),
  addressIsForwarded: Type.Boolean({ description: 'Whether the address comes from a trusted proxy (X-Forwarded-For)' }),
  proxyHeaders: Type.Array(Type.String(), { description: 'Names of request headers that only proxies send' }),
  heartbeatMs: Type.Integer({
    minimum: 0,
    description: 'Milliseconds between two heartbeats of a subscription; 0: none',
  }),
});

const tickEvents = {
  description: 'Events named `tick`, in the requested rhythm',
  content: {
    'text/event-stream': {
      schema: Type.String(),
      example: payloadOf(Buffer.concat([tickFrame(1, 0, false), tickFrame(2, 250, true)])).toString(),
    },
  },
};

export type DiagnoseOptions = {
  readonly mode: AuthMode;
  readonly streams: TestStreams;
  readonly heartbeatMs: number;
};

/** The page that measures the path between a visitor and the server, and the routes it uses. */
export function routeDiagnose(server: Server, { mode, streams, heartbeatMs }: DiagnoseOptions): void {
  routePage(server, {
    path: '/diagnose',
    title: 'Diagnose – Pokewire',
    description: 'Measures what is between this browser and Pokewire, and names the setting to change.',
    folder: new URL('./diagnose-page/', import.meta.url),
    styles: ['checks', 'timeline'],
    mode,
  });

  server.get(
    '/diagnose/connection',
    {
      config: { access: 'read', takesAbsentNamespace: true },
      schema: {
        operationId: 'describeConnection',
        summary: 'Describe the connection',
        description: 'The request as the server sees it, after all proxies.',
        tags: ['operations'],
        response: { 200: connectionSchema },
      },
    },
    async (request) => ({ ...connectionOf(request), heartbeatMs }),
  );

  server.get(
    '/diagnose/stream',
    {
      config: { access: 'read', takesAbsentNamespace: true, emptyIsAbsent: true },
      exposeHeadRoute: false,
      schema: {
        operationId: 'readTestStream',
        summary: 'Test stream',
        description:
          'Events in a known rhythm followed by silence, sent like those of a subscription, to measure what proxies do ' +
          'with them. The stream ends by itself and reads no messages.',
        tags: ['operations'],
        querystring: streamQuery,
        response: { 200: tickEvents },
      },
    },
    async (request, reply) => {
      const namespaceId = grantOf(request).namespace.id;
      if (!streams.take(namespaceId)) {
        retryAfter(reply, leastRetrySeconds, retrySpreadSeconds);
        throw new PokewireError('RATE_LIMITED', 'Too many test streams are open. Retry later.', {
          details: { maxTestStreams, maxTestStreamsOfNamespace },
        });
      }
      let isOpen = false;
      try {
        const framing = framingOf(request.raw);
        const greeting = { framing, head: eventStreamHead(reply, framing), frames: Buffer.alloc(0) };
        reply.hijack();
        const socket = await takeSocket(request.raw, reply.raw);
        isOpen = socket !== undefined;
        if (socket !== undefined) streams.open(namespaceId, socket, greeting, rhythmOf(request.query));
      } finally {
        if (!isOpen) streams.release(namespaceId);
      }
    },
  );
}

function rhythmOf({ events = 12, everyMs = 250, silentMs = 1_000 }: Static<typeof streamQuery>): Rhythm {
  return { events, everyMs, silentMs };
}

function connectionOf(request: FastifyRequest): Omit<Static<typeof connectionSchema>, 'heartbeatMs'> {
  const { headers, raw } = request;
  const claimed = String(headers['x-forwarded-proto'] ?? '').toLowerCase();
  return {
    httpVersion: raw.httpVersion,
    host: headers.host ?? null,
    scheme: request.protocol === 'https' || claimed.startsWith('https') ? 'https' : 'http',
    // Undefined at runtime, despite its type, if the peer has left; the answer is then unused.
    address: request.ip ?? '',
    addressIsForwarded: (request.ips?.length ?? 1) > 1,
    proxyHeaders: proxyHeaders.filter((name) => headers[name] !== undefined),
  };
}
