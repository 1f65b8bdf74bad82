import { connect } from '../../src/client/client.ts'; // 'pokewire/client' where the package is installed.

const [url, member] = process.argv.slice(2);

/** Writes to the parent, which stands in for a database. */
const write = (record) =>
  new Promise((resolve, reject) => process.send(record, (error) => (error ? reject(error) : resolve())));

const worker = connect(url).consume(
  { category: 'order', group: 'example', member, size: 6 },
  async ({ stream, position }, { generation }) => {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
    await write({ stream, position, generation });
  },
);
process.once('SIGTERM', () => worker.stop());
// Without its parent, its writes would be lost.
process.once('disconnect', () => process.exit());
await worker.done;
process.disconnect();
