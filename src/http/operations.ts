import { Type } from 'typebox';
import { PokewireError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { Server } from './server.ts';

export type OperationsOptions = {
  readonly version: string;
  readonly metrics: Metrics;
  /** Resolves when requests can be served; rejects with why not. */
  readonly checkReady: () => Promise<void>;
};

const status = Type.Object({ status: Type.Literal('ok') });

export function routeOperations(server: Server, { version, metrics, checkReady }: OperationsOptions): void {
  server.get(
    '/health',
    {
      schema: {
        summary: 'Alive',
        description: 'The process answers.',
        tags: ['operations'],
        response: { 200: status },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  server.get(
    '/ready',
    {
      schema: {
        summary: 'Ready',
        description: 'The store answers and the server is not stopping; else 503.',
        tags: ['operations'],
        response: { 200: status },
      },
    },
    async () => {
      try {
        await checkReady();
      } catch (error) {
        throw new PokewireError(
          'NOT_READY',
          error instanceof PokewireError ? error.message : 'The store does not answer.',
          {
            cause: error,
          },
        );
      }
      return { status: 'ok' as const };
    },
  );

  server.get(
    '/version',
    {
      schema: {
        summary: 'Version',
        tags: ['operations'],
        response: { 200: Type.Object({ version: Type.String() }) },
      },
    },
    async () => ({ version }),
  );

  server.get(
    '/metrics',
    { schema: { summary: 'Metrics', description: 'For Prometheus.', tags: ['operations'], produces: ['text/plain'] } },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
