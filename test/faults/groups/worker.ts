import { writeSync } from 'node:fs';
import { connect } from '../../../src/client/client.ts';

/** A member that reports what it handles to a sink, by lines on standard output, and leaves on SIGTERM. */
const [url, member] = process.argv.slice(2);
const worker = connect(url!, { retry: { minMs: 50, maxMs: 500 } }).consume(
  { category: 'order', group: 'torture', member, size: 8 },
  async ({ stream, position }, { generation }) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() < 0.02 ? 500 : 2));
    writeSync(1, `${JSON.stringify({ stream, position, generation })}\n`);
  },
  { onError: () => {} },
);
process.once('SIGTERM', () => void worker.stop());
await worker.done;
