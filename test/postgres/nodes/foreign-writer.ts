import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from '../../../load/soak/random.ts';
import { sqlStateOf } from '../../../src/store/postgres/database-errors.ts';
import type { Ledger } from '../../support/nodes/ledger.ts';

export type ForeignWriterOptions = {
  /** Opens a connection like a service. */
  readonly connect: () => Promise<pg.Client>;
  readonly streams: readonly string[];
  readonly ledger: Ledger;
  readonly random: Random;
};

/** How a writer's transactions proceed. */
type Habit = 'at once' | 'open' | 'late' | 'savepoint' | 'breaks';

const write = "SELECT write_message($1, $2, 'Written', '{}')";
const longestOpenMs = 40;
const longestLateMs = 400;
const retryMs = 100;

/**
 * Writes like another service, with `write_message` in its own transactions, until the signal aborts: some stay open
 * for a while, some end late, some are partly or completely rolled back, and some break with their connection.
 */
export async function writeAsOther(options: ForeignWriterOptions, signal: AbortSignal): Promise<void> {
  const { random, connect } = options;
  while (!signal.aborted) {
    const client = await connect().catch(() => undefined);
    if (client === undefined) {
      await delay(retryMs);
      continue;
    }
    let isOpen = true;
    while (isOpen && !signal.aborted) {
      const habit = random.pick<Habit>([
        'at once',
        'at once',
        'at once',
        'open',
        'open',
        'open',
        'late',
        'savepoint',
        'breaks',
      ]);
      isOpen = await transact(client, habit, options);
      await delay(random.gapMs(3));
    }
    await client.end();
  }
}

/** One transaction; returns false if the connection is broken. */
async function transact(client: pg.Client, habit: Habit, { streams, ledger, random }: ForeignWriterOptions) {
  // Sorted, so that services do not deadlock with each other; they may with Pokewire's own appends.
  const wanted = Array.from({ length: 1 + random.below(3) }, () => random.pick(streams)).toSorted();
  const written: { id: string; stream: string }[] = [];
  const writeOne = async (stream: string) => {
    const id = randomUUID();
    await client.query(write, [id, stream]);
    written.push({ id, stream });
  };
  let isCommitting = false;
  try {
    await client.query('BEGIN');
    for (const stream of wanted) await writeOne(stream);
    if (habit === 'open') await delay(random.below(longestOpenMs));
    if (habit === 'late') await delay(random.below(longestLateMs));
    if (habit === 'savepoint') {
      await client.query('SAVEPOINT before');
      await client.query(write, [randomUUID(), wanted.at(-1)]);
      await client.query('ROLLBACK TO SAVEPOINT before');
      ledger.rolledBack++;
      await writeOne(wanted.at(-1)!);
    }
    if (habit === 'breaks' && random.below(4) === 0) {
      ledger.rolledBack += written.length;
      return false;
    }
    if (random.below(5) === 0) {
      ledger.rolledBack += written.length;
      await client.query('ROLLBACK');
      return true;
    }
    isCommitting = true;
    const sentMs = performance.now();
    await client.query('COMMIT');
    for (const { id, stream } of written) ledger.store(id, stream, sentMs);
    return true;
  } catch (error) {
    for (const { id } of written) if (isCommitting) ledger.doubt(id);
    if (!isCommitting) ledger.rolledBack += written.length;
    // A deadlock with an append, which ends one of the two.
    if (sqlStateOf(error) !== '40P01') return false;
    await client.query('ROLLBACK');
    return true;
  }
}
