import { connect } from '../../src/client/client.ts';

/**
 * Runs a member of `pokewire/client` against a scenario: its handler reports each start to the server, and fails unless
 * the answer is a success.
 */
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
