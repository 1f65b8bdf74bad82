import { connect } from '../../src/client/client.ts'; // 'pokewire/client' where the package is installed.

const [url = 'http://localhost:8080'] = process.argv.slice(2);
const pokewire = connect(url);
const rounds = 10;

/** The result of the worker: the balance of each wallet. Stands in for the database that your pages read. */
const balances = new Map();

const assigned = Promise.withResolvers();
await using worker = pokewire.consume(
  { category: 'wallet', group: 'balances', member: 'worker-1', size: 1 },
  async ({ stream, data }) => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    balances.set(stream, (balances.get(stream) ?? 0) + data.amount);
  },
  { onAssigned: () => assigned.resolve() },
);
worker.done.catch(assigned.reject);
await assigned.promise;

/** Names for this run only, so that messages of earlier runs do not count. */
const wallet = `wallet-${Date.now()}`;
let staleAtOnce = 0;
let staleAfterWait = 0;
for (let round = 1; round <= rounds; round++) {
  const { globalPosition } = await pokewire.append(wallet, { type: 'Deposited', data: { amount: 1 } });
  if (balances.get(wallet) !== round) staleAtOnce++;
  // Answers once the group has settled everything up to this position. With `stream`, only the stream's partition
  // counts.
  const settled = new URLSearchParams({ position: globalPosition, stream: wallet });
  const { reached } = await pokewire.get(`/groups/balances/wait?${settled}`);
  if (!reached) throw new Error('the worker is more than 10 seconds behind');
  if (balances.get(wallet) !== round) staleAfterWait++;
}
console.log(`read at once: stale in ${staleAtOnce} of ${rounds}`);
console.log(`read after the wait: stale in ${staleAfterWait} of ${rounds}`);
