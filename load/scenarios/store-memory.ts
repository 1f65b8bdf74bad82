import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { messages: 1_000_000, dataBytes: 100, pageSize: 1_000, reads: 60 };

/** Memory of a store with 1,000,000 messages of 100 bytes of data, and how long a page takes to read from it. */
export async function storeMemory(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 2, measureStore);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'store-memory',
    settings,
    series,
    missing: [],
    verdicts: [
      atMost('8c', 'MiB resident, the whole process', ours('residentMib'), 350),
      atMost('8d', 'ms for a page of 1,000 of the category, over HTTP', ours('categoryPageMs'), 2),
      atMost('8d', 'ms for a page of 1,000 of a stream, over HTTP', ours('streamPageMs'), 2),
    ],
  };
}

function measureStore(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, dataBytes, pageSize, reads } = settings;
    const empty = await bench.settledKib();
    const data = `{"text":"${'x'.repeat(dataBytes - '{"text":""}'.length)}"}`;
    const { startUs, endUs } = await bench.fill(messages, `{"type":"Deposited","data":${data}}`);
    const resident = await bench.settledKib(2_500);
    const read = async (path: string) => {
      const order = { method: 'GET', connections: 1, count: reads, body: '', path } as const;
      return (await bench.publish(order)).ackMs.p50;
    };
    // Positions spread over the whole log: `{}` is replaced by 0 to 999.
    const categoryPageMs = await read(`/categories/account/messages?position={}000&batchSize=${pageSize}`);
    const streamPageMs = await read(`/streams/account-{}/messages?position=0&batchSize=${pageSize}`);
    return {
      residentMib: resident / 1_024,
      grewMib: (resident - empty) / 1_024,
      filledPerSecond: (messages / (endUs - startUs)) * 1_000_000,
      categoryPageMs,
      streamPageMs,
    };
  });
}
