import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Grant } from '../../access/access.ts';
import { sameText } from '../../access/token.ts';
import type { Readiness } from '../../admission/readiness.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { credentialOf } from '../plumbing/authenticate.ts';
import type { Server } from '../plumbing/server.ts';

/** Dependencies of the operators' routes. */
export type OperationsOptions = {
  /** Grants access to `/metrics` and nothing else; empty: only admin tokens of `default` do. */
  readonly metricsToken: string;
  /** The grant for the metrics token. */
  readonly metricsGrant: () => Promise<Grant>;
  readonly version: string;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
};

const status = Type.Object({ status: Type.Literal('ok') });

const ready = Type.Object({
  status: Type.Literal('ok'),
  store: Type.Union([Type.Literal('ok'), Type.Literal('full')], {
    description: 'full: appends are refused because there is no room; everything else continues',
  }),
});

/** Health, readiness, version and metrics. */
export function routeOperations(server: Server, options: OperationsOptions): void {
  const { version, metrics, readiness, metricsToken, metricsGrant } = options;
  const checkMetricsToken = async (request: FastifyRequest) =>
    metricsToken !== '' && sameText(credentialOf(request) ?? '', metricsToken) ? metricsGrant() : undefined;

  server.get(
    '/health',
    {
      config: { access: 'none' },
      schema: {
        operationId: 'checkHealth',
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
      config: { access: 'none' },
      schema: {
        operationId: 'checkReadiness',
        summary: 'Ready',
        description:
          '200 if the store answers and the server is neither overloaded nor stopping; otherwise 503 with the reasons in ' +
          '`details.reasons`: store, event-loop, memory, stopping.',
        tags: ['operations'],
        response: { 200: ready },
      },
    },
    async () => {
      await readiness.check();
      return { status: 'ok' as const, store: await readiness.storeState() };
    },
  );

  server.get(
    '/version',
    {
      config: { access: 'none' },
      schema: {
        operationId: 'readVersion',
        summary: 'Version',
        description: 'The version of the server.',
        tags: ['operations'],
        response: { 200: Type.Object({ version: Type.String() }) },
      },
    },
    async () => ({ version }),
  );

  server.get(
    '/metrics',
    {
      config: { access: 'admin', isForOperators: true, takesAbsentNamespace: true, ownCheck: checkMetricsToken },
      schema: {
        operationId: 'readMetrics',
        summary: 'Metrics',
        description: 'For Prometheus.',
        tags: ['operations'],
        produces: ['text/plain'],
      },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
