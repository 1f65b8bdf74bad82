import { describe, expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { postgresCapabilities } from '../../src/store/postgres/postgres-capabilities.ts';
import { PostgresLog } from '../../src/store/postgres/postgres-log.ts';
import { parsePostgresUrl } from '../../src/store/postgres/postgres-url.ts';
import type { Query } from '../../src/store/postgres/read-pokes.ts';
import type { SettledLog } from '../../src/store/postgres/settled-log.ts';
import { newMessages, pokePool, selectionOf } from '../support/fake-messages.ts';

const everything = selectionOf({ all: true });

/** A reader with head 5. */
function settledOf(epoch: string): SettledLog {
  const settled: Pick<SettledLog, 'epoch' | 'head' | 'settled'> = {
    epoch: epoch as LogId,
    head: 5,
    settled: async () => 5,
  };
  return settled as unknown as SettledLog;
}

/** A handle on the log `old`. `answered` runs after the database has answered, before the handle sees the answer. */
function openLog(answered: (become: (epoch: string) => void) => void = () => {}) {
  let settled = settledOf('old');
  let queries = 0;
  let appends = 0;
  const become = (epoch: string) => {
    settled = settledOf(epoch);
  };
  const query: Query = async () => {
    queries++;
    answered(become);
    return { rows: [[7]] as never, command: 'SELECT' };
  };
  const log = new PostgresLog(
    {
      store: { kind: 'postgres', capabilities: postgresCapabilities(parsePostgresUrl('postgres://u@h/d'), 'usable') },
      pokes: pokePool(),
      current: () => ({ settled, isByteOrder: true }),
      reader: () => query,
      append: async () => {
        appends++;
        return { outcome: 'appended', position: 0, globalPosition: 1 };
      },
    },
    'old' as LogId,
  );
  return { log, become, queries: () => queries, appends: () => appends };
}

/** Every read that queries the database. */
const reads: readonly [string, (log: PostgresLog) => Promise<unknown>][] = [
  ['a stream', (log) => log.readStream('new-1', { position: 0 }, 10)],
  ['the last message of a stream', (log) => log.readLast('new-1', undefined)],
  ['the log', (log) => log.read({ category: undefined, group: undefined, correlation: undefined }, 0, 10)],
  ['pokes', (log) => log.pokes(everything, 0, 10)],
  ['the last place of a selection', (log) => log.last(everything, 0, 5)],
  ['bounds', (log) => log.bounds()],
  ['a version', (log) => log.version('new-1')],
  ['the description of a stream', (log) => log.describeStream('new-1')],
  ['streams', (log) => log.listStreams('', undefined, 10)],
  ['categories', (log) => log.listCategories(undefined, 10)],
];

describe('A handle on the log of a database that has become another one', () => {
  test.each(reads)('discards an answer that arrives after the change when it reads %s.', async (_what, read) => {
    const { log, queries } = openLog((become) => become('new'));
    await expect(read(log)).rejects.toMatchObject({ code: 'LOG_GONE' });
    expect(queries()).toBe(1);
  });

  test.each(reads)('sends no statement when it reads %s.', async (_what, read) => {
    const { log, become, queries } = openLog();
    become('new');
    await expect(read(log)).rejects.toMatchObject({ code: 'LOG_GONE' });
    expect(queries()).toBe(0);
  });

  test('appends nothing, and reports that the log is gone.', async () => {
    const { log, become, appends } = openLog();
    become('new');
    expect(await log.append('a-1', newMessages(1), undefined)).toEqual({ outcome: 'gone' });
    expect(appends()).toBe(0);
  });
});

test('A handle on the current log returns the answer.', async () => {
  const { log } = openLog();
  expect(await log.version('a-1')).toBe(7);
});
