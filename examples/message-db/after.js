/** After: Pokewire notifies the consumer of new messages. Consumer, handler and position are unchanged. */
import { Consumer, stopSignal } from './consumer.js';
import { pokes } from './pokes.js';

const [databaseUrl, category, pokewireUrl = 'http://localhost:8080'] = process.argv.slice(2);
if (category === undefined) throw new Error('usage: node after.js DATABASE_URL CATEGORY [POKEWIRE_URL]');

const stopping = stopSignal();
const consumer = await Consumer.start(databaseUrl, category);
console.log(`subscribing to ${category} from ${consumer.next}`);
const urlOf = () => `${pokewireUrl}/subscribe?category=${encodeURIComponent(category)}&position=${consumer.next}`;
for await (const { globalPosition } of pokes(urlOf, stopping)) {
  // One read may handle more messages than the one poked; handled messages are not read again.
  if (globalPosition >= consumer.next) await consumer.readOn();
}
await consumer.stop();
console.log(`${consumer.queries} queries`);
