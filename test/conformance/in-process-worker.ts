import { connect } from '../../src/client/client.ts';

/** Runs the worker of `pokewire/client` against a scenario: its handler tells the server what it was given, and does as it is answered. */
export function startWorker(url: string, group = 'conformance', member = 'worker-1') {
  return connect(url, { retry: { minMs: 10, maxMs: 100 } }).consume(
    { category: 'a', group, member, size: 2 },
    async ({ stream, position, globalPosition }, { generation, attempt }) => {
      const body = JSON.stringify({ stream, position, globalPosition, generation, attempt });
      const headers = { 'content-type': 'application/json' };
      const { ok } = await fetch(`${url}/handled`, { method: 'POST', headers, body });
      if (!ok) throw new Error('not yet');
    },
    { retryMs: [10, 10] },
  );
}
