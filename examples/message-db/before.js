/** Before: polls the database ten times a second for new messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, stopSignal } from './consumer.js';

const pollMs = 100;
const [databaseUrl, category] = process.argv.slice(2);
if (category === undefined) throw new Error('usage: node before.js DATABASE_URL CATEGORY');

const stopping = stopSignal();
const consumer = await Consumer.start(databaseUrl, category);
console.log(`polling for ${category} from ${consumer.next}`);
while (!stopping.aborted) {
  if ((await consumer.readOn()) === 0) await sleep(pollMs, undefined, { signal: stopping }).catch(() => {});
}
await consumer.stop();
console.log(`${consumer.queries} queries`);
