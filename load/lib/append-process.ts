import autocannon from 'autocannon';
import { serve } from './rpc.ts';

export type AppendOrder = {
  readonly port: number;
  /** `{}` is replaced by a stream number. */
  readonly path: string;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
};

export type AppendReport = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Number of streams, written round robin. */
const streams = 200;

async function run({ port, path, body, connections, seconds }: AppendOrder): Promise<AppendReport> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    requests: Array.from({ length: streams }, (_, stream) => ({ path: path.replace('{}', String(stream)) })),
  });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} not 2xx, ${result.errors} errors`);
  return {
    requests: result['2xx'],
    requestsPerSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}

serve({ run });
