import type { NewMessage } from '../../src/message/message.ts';
import { newId } from '../../src/message/new-id.ts';
import { usualMessage } from '../lib/database.ts';
import { measureAppends } from '../lib/measure-appends.ts';
import { MessageDb, writeMessageSql } from '../lib/message-db.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { withStoreLog } from '../lib/store-log.ts';
import { takeTurn } from '../lib/turn-taking.ts';

const settings = {
  connections: 64,
  streams: 1_000,
  warmUpMs: 2_000,
  measureMs: 3_000,
  messagesPerArray: 100,
  arrayConnections: 16,
  arrayWarmUpMs: 500,
};

/** Single appends to one category of a Message DB: by its own function, by the store, and over HTTP. */
export async function postgresAppend(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  const target = db.target(context, 'http', 'all');
  const measure = new Map([
    ['write_message', () => alone(() => measureWriteMessage(db))],
    ['store', () => alone(() => measureStore(db))],
    ['http', () => measureAppends(target, settings, usualMessage)],
  ]);
  const targets = [...measure.keys()].map((name) => ({ name }));
  const series = await repeatInTurn(context, targets, 3, ({ name }) => measure.get(name)!());
  const of = (name: string, number: string) => medianOf(series, name, number);
  return {
    scenario: 'postgres-append',
    settings,
    series,
    missing: [],
    verdicts: [
      atLeast(
        '12a',
        'single appends to one category, 64 in flight, times one write_message a statement on 64 connections',
        of('store', 'appendsPerSecond') / of('write_message', 'appendsPerSecond'),
        5,
      ),
      atLeast('12b', 'appends/s to PostgreSQL over 64 HTTP connections', of('http', 'appendsPerSecond'), 12_000),
      atLeast('12b', 'messages/s to PostgreSQL in arrays of 100', of('http', 'arrayMessagesPerSecond'), 50_000),
    ],
  };
}

/** Each of 64 connections writes one message a statement, and waits for it. */
async function measureWriteMessage(db: MessageDb): Promise<Reading> {
  const database = await db.fresh();
  const clients = await Promise.all(Array.from({ length: settings.connections }, () => db.connect(database)));
  try {
    return await measureClosedLoop((writer, stream) => clients[writer]!.query(writeMessageSql, [stream]));
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** 64 appends under way, as 64 writers of one node have them. */
async function measureStore(db: MessageDb): Promise<Reading> {
  const { type, data, metadata } = JSON.parse(usualMessage) as { type: string; data: object; metadata: object };
  const texts = { type, data: JSON.stringify(data), metadata: JSON.stringify(metadata) };
  return withStoreLog(db.url(await db.fresh()), (log) =>
    measureClosedLoop(async (_writer, stream) => {
      const message: NewMessage = { id: newId(), given: false, ...texts };
      const { outcome } = await log.append(stream, [message], undefined);
      if (outcome !== 'appended') throw new Error(`an append came to ${outcome}`);
    }),
  );
}

/** Writers that each begin with the next message when the last is stored. */
async function measureClosedLoop(append: (writer: number, stream: string) => Promise<unknown>): Promise<Reading> {
  const { connections, streams, warmUpMs, measureMs } = settings;
  let count = 0;
  const run = async (durationMs: number) => {
    const endMs = performance.now() + durationMs;
    await Promise.all(
      Array.from({ length: connections }, async (_value, writer) => {
        while (performance.now() < endMs) await append(writer, `account-${count++ % streams}`);
      }),
    );
  };
  await run(warmUpMs);
  const [before, startMs] = [count, performance.now()];
  await run(measureMs);
  return { appendsPerSecond: ((count - before) / (performance.now() - startMs)) * 1_000 };
}

async function alone(measure: () => Promise<Reading>): Promise<Reading> {
  const endTurn = await takeTurn();
  try {
    return await measure();
  } finally {
    endTurn();
  }
}
