import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from '../lib/bench.ts';
import { DatabaseFolder } from '../lib/database.ts';
import { atLeast, atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { storeTargets } from '../lib/stores.ts';
import type { Target } from '../lib/target.ts';

const settings = {
  messages: 1_000_000,
  subscribersInTurn: 2,
  together: { subscribers: 100, messages: 100_000 },
  /** Many connections, because a server processes one request per connection at a time, and appends would wait for each other. */
  appends: { perSecond: 100, connections: 32, quietMs: 1_000, meanwhileMs: 3_000 },
  pages: { messages: 1_000, reads: 60 },
};

/** Reading a log of 1,000,000 messages: by one subscriber, by 100 at once while others append, and by HTTP. */
export async function durableCatchUp(context: Context): Promise<ScenarioResult> {
  using folder = new DatabaseFolder();
  const series = await repeatInTurn(context, storeTargets(context, folder, 'all'), 2, measureCatchUp);
  const durable = (name: string) => medianOf(series, 'sqlite', name);
  return {
    scenario: 'durable-catch-up',
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast('9e', 'catch-up from SQLite: pokes/s to one subscriber', durable('pokesPerSecond'), 1_500_000),
      atMost('9e', 'append p99 while 100 subscribers catch up from SQLite, ms', durable('appendP99Ms'), 50),
      atMost('9h', 'ms for a page of 1,000 messages from SQLite, over HTTP', durable('messagesPageMs'), 4),
    ],
  };
}

function measureCatchUp(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, subscribersInTurn, pages } = settings;
    await bench.fill(messages);
    // Every frame of the first is parsed; the others are compared with it, which costs the load client little.
    await bench.subscribe(1);
    await bench.awaitAll(messages);
    let seconds = 0;
    for (let made = 0; made < subscribersInTurn; made++) {
      const { startUs } = await bench.subscribe(1);
      seconds += ((await bench.awaitAll(messages)).completedAtUs - startUs) / 1_000_000;
    }
    const path = `/categories/account/messages?position={}000&batchSize=${pages.messages}`;
    const read = await bench.publish({ method: 'GET', connections: 1, count: pages.reads, body: '', path });
    return {
      pokesPerSecond: (messages * subscribersInTurn) / seconds,
      messagesPageMs: read.ackMs.p50,
      ...(await measureTogether(bench)),
    };
  });
}

/** Appends to another category while many subscribers read the end of the log. */
async function measureTogether(bench: Bench): Promise<Reading> {
  const { messages, together, appends } = settings;
  const { perSecond, connections, quietMs, meanwhileMs } = appends;
  const pace = (durationMs: number) => bench.pace({ perSecond, connections, durationMs }, 'other');
  await pace(quietMs);
  const quiet = await pace(quietMs);
  const appending = pace(meanwhileMs);
  await sleep(100);
  const selector = `category=account&position=${messages - together.messages + 1}`;
  const { startUs } = await bench.subscribe(together.subscribers, selector, 'together');
  const { completedAtUs } = await bench.awaitAll(together.messages, 40_000, 'together');
  const { ackMs } = await appending;
  return {
    pokesPerSecondTogether: ((together.subscribers * together.messages) / (completedAtUs - startUs)) * 1_000_000,
    quietAppendP99Ms: quiet.ackMs.p99,
    appendP50Ms: ackMs.p50,
    appendP99Ms: ackMs.p99,
    appendMaxMs: ackMs.max,
  };
}
