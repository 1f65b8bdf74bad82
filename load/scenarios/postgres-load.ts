import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { Bench } from '../lib/bench.ts';
import { MessageDb, writeMessageSql } from '../lib/message-db.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatSteps } from '../lib/scenario.ts';
import { takeTurn } from '../lib/turn-taking.ts';

const settings = {
  consumers: 1_000,
  pollMs: 100,
  /** Few, each shared by many consumers: a connection for each would cost the database more. */
  pollConnections: 50,
  messagesEach: 10,
  settleMs: 1_500,
  measureMs: 5_000,
  messagesPerSecond: [0, 50],
};

const readSql = 'SELECT * FROM get_category_messages($1, $2, 1000)';

/** The load of 1,000 consumers on the database, each with its own category: by polling and with pokes. */
export async function postgresLoad(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  const database = await db.fresh();
  await fill(db, database);
  const measure = new Map([
    ['polling', () => measurePolling(db, database)],
    ['subscribed', () => measureSubscribed(context, db, database)],
  ]);
  const targets = [...measure.keys()].map((name) => ({ name }));
  const steps = settings.messagesPerSecond.map((messagesPerSecond) => ({ messagesPerSecond }));
  const byStep = await repeatSteps(context, targets, 3, steps, ({ name }) => measure.get(name)!());
  const idle = (name: string) => medianOf(byStep[0]!, name, 'databaseCores');
  return {
    scenario: 'postgres-load',
    settings,
    series: byStep.flat(),
    missing: [],
    verdicts: [
      atMost(
        '12d',
        'load on the database of 1,000 subscribed consumers, times that of 1,000 that poll each 100 ms or as often as they can',
        idle('subscribed') / idle('polling'),
        0.02,
      ),
    ],
  };
}

/** Some messages for each consumer, so that polls have to skip messages that were read. */
async function fill(db: MessageDb, database: string): Promise<void> {
  await using client = await db.connect(database);
  for (let consumer = 0; consumer < settings.consumers; consumer++) {
    await client.query(`${writeMessageSql} FROM generate_series(1, ${settings.messagesEach})`, [
      `consumer${consumer}-1`,
    ]);
  }
}

async function measurePolling(db: MessageDb, database: string): Promise<Reading[]> {
  const { consumers, pollMs, pollConnections } = settings;
  const endTurn = await takeTurn();
  const clients = await Promise.all(Array.from({ length: pollConnections }, () => db.connect(database)));
  const polling = { polls: 0, isOver: false };
  const loops = clients.map(async (client, at) => {
    const positions = new Map<number, number>();
    const stepMs = (pollMs * pollConnections) / consumers;
    let consumer = at;
    await sleep((stepMs * at) / pollConnections);
    // Writes for each of its consumers round robin, at a fixed rate.
    for (let dueMs = performance.now(); !polling.isOver; dueMs += stepMs) {
      await sleep(Math.max(0, dueMs - performance.now()));
      const { rows } = await client.query(readSql, [`consumer${consumer}`, positions.get(consumer) ?? 1]);
      if (rows.length > 0) positions.set(consumer, Number(rows.at(-1).global_position) + 1);
      consumer = (consumer + pollConnections) % consumers;
      polling.polls++;
    }
  });
  try {
    return await measureSteps(db, database, {
      reads: () => polling.polls,
      wrote: async () => {},
    });
  } finally {
    polling.isOver = true;
    await Promise.all(loops);
    await Promise.all(clients.map((client) => client.end()));
    endTurn();
  }
}

function measureSubscribed(context: Context, db: MessageDb, database: string): Promise<Reading[]> {
  return Bench.run(db.target(context, 'subscribed', 'all', database), async (bench) => {
    const { consumers } = settings;
    await using client = await db.connect(database);
    const { rows } = await client.query('SELECT max(global_position) + 1 AS next FROM messages');
    const groups = Array.from({ length: consumers }, (_value, consumer) => ({
      name: `consumer${consumer}`,
      port: bench.server.port,
      path: bench.target.subscribePath(`category=consumer${consumer}&position=${rows[0].next}`),
      count: 1,
      order: 'rising' as const,
    }));
    const { refused } = await bench.subscribers.connect(groups);
    if (refused > 0) throw new Error(`${refused} consumers were refused`);
    let polls = 0;
    let wrote = 0;
    const reading = await measureSteps(db, database, {
      reads: () => polls,
      // Only the consumer that gets the poke reads, once.
      wrote: async (consumer) => {
        wrote++;
        polls++;
        await client.query(readSql, [`consumer${consumer}`, 1]);
      },
    });
    const reports = await bench.subscribers.reports(groups.map(({ name }) => name));
    const frames = reports.reduce((sum, report) => sum + report.frames, 0);
    if (frames !== wrote) throw new Error(`of ${wrote} messages ${frames} were poked`);
    return reading;
  });
}

type Consumers = {
  /** Number of reads by consumers so far. */
  readonly reads: () => number;
  /** A message for this consumer was written. */
  readonly wrote: (consumer: number) => Promise<void>;
};

/** CPU time of the database at each rate of writes, which go to the consumers' categories in turn. */
async function measureSteps(db: MessageDb, database: string, consumers: Consumers): Promise<Reading[]> {
  const readings: Reading[] = [];
  await using writer = await db.connect(database);
  for (const messagesPerSecond of settings.messagesPerSecond) {
    await sleep(settings.settleMs);
    const [cpuSeconds, polls, startMs] = [db.cpuSeconds(), consumers.reads(), performance.now()];
    await writeByClock(writer, messagesPerSecond, consumers);
    const seconds = (performance.now() - startMs) / 1_000;
    const databaseSeconds = db.cpuSeconds() - cpuSeconds;
    const reads = consumers.reads() - polls;
    readings.push({ databaseCores: databaseSeconds / seconds, readsPerSecond: reads / seconds });
  }
  return readings;
}

async function writeByClock(writer: pg.Client, perSecond: number, { wrote }: Consumers): Promise<void> {
  const { consumers, measureMs } = settings;
  const startMs = performance.now();
  for (let written = 0; written < (perSecond * measureMs) / 1_000; written++) {
    await sleep(Math.max(0, startMs + (written * 1_000) / perSecond - performance.now()));
    const consumer = (written * 7) % consumers;
    await writer.query(writeMessageSql, [`consumer${consumer}-1`]);
    await wrote(consumer);
  }
  await sleep(Math.max(0, startMs + measureMs - performance.now()));
}
