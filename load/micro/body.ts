/** Parsing the body of an append. */
import { parseNewMessages } from '../../src/message/new-message.ts';
import { type Cost, measure, sink } from './bench.ts';

const small = '{"type":"Deposited","data":{"amount":100}}';
const usual = JSON.stringify({
  id: '0198c0de-7e57-7abc-8def-0123456789ab',
  type: 'Deposited',
  data: {
    account: '0198c0de',
    amount: 100.25,
    currency: 'EUR',
    note: 'Salary for "May" – thank you',
    tags: ['a', 'b'],
  },
  metadata: { correlationStreamName: 'transfer-42', causation: { position: 7, globalPosition: 1_234 } },
});
const large = JSON.stringify({
  type: 'Imported',
  data: { rows: new Array(500).fill({ name: 'x'.repeat(40), value: 1.5 }) },
});

export async function body(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const add = async (name: string, text: string, each: number) => {
    const bytes = Buffer.from(text);
    costs[name] = await measure(`${name}, ${bytes.length} bytes`, (count) => {
      for (let made = 0; made < count; made += each) sink.value = parseNewMessages(bytes);
    });
  };
  await add('body of one small message', small, 1);
  await add('body of one usual message', usual, 1);
  await add('body of one large message', large, 1);
  await add('body of 100 small messages, each', `[${new Array(100).fill(small).join(',')}]`, 100);
  await add('body of 100 usual messages, each', `[${new Array(100).fill(usual).join(', ')}]`, 100);
  return costs;
}
