import { measureClosedLoop } from '../lib/closed-loop.ts';
import { usualMessage } from '../lib/database.ts';
import { measureAppends, sharedStoreAppends as settings } from '../lib/measure-appends.ts';
import { MessageDb, writeMessageSql } from '../lib/message-db.ts';
import { atLeast, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, repeatInTurn } from '../lib/scenario.ts';
import { appendUsual, withStoreLog } from '../lib/store-log.ts';

/** Single appends to one category of a Message DB: through its own function, through the store, and over HTTP. */
export async function postgresAppend(context: Context): Promise<ScenarioResult> {
  await using db = await MessageDb.start();
  const target = db.target(context, 'http', 'all');
  const measure = new Map([
    ['write_message', () => measureWriteMessage(db)],
    ['store', () => measureStore(db)],
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

/** 64 connections, each of which writes one message per statement and waits for it. */
async function measureWriteMessage(db: MessageDb): Promise<Reading> {
  const database = await db.fresh();
  const clients = await Promise.all(Array.from({ length: settings.connections }, () => db.connect(database)));
  try {
    return await measureClosedLoop(settings, (writer, stream) =>
      clients[writer]!.query(writeMessageSql, [`account-${stream}`]),
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** 64 concurrent appends, like 64 writers of one node. */
async function measureStore(db: MessageDb): Promise<Reading> {
  return withStoreLog(db.url(await db.fresh()), (log) =>
    measureClosedLoop(settings, (_writer, stream) => appendUsual(log, `account-${stream}`)),
  );
}
