/** Reads of a log of 1,000,000 messages in memory. */
import type { NewMessage } from '../../src/message/message.ts';
import { Poke } from '../../src/message/poke.ts';
import { everything, type Selection } from '../../src/message/selection.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';
import type { Log } from '../../src/store/log.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { type Cost, measureAsync, sink } from './bench.ts';

const messages = 1_000_000;
const streams = 1_000;
const pagePokes = 512;
const pageMessages = 1_000;
const category: Selection = { ...everything, all: false, categories: ['account'] };

async function filledLog(): Promise<Log> {
  const storage = new MemoryStorage();
  const pokes = new ObjectPool(() => new Poke(), { min: 256, max: 16_384 });
  const log = new MemoryStore(storage, pokes).log(storage.openLog({ bytes: 0, forgetsWhenFull: false }, 0).id);
  const data = `{"text":"${'x'.repeat(89)}"}`;
  const perAppend = 100;
  let id = 0;
  for (let made = 0; made < messages; made += perAppend) {
    const append = Array.from({ length: perAppend }, (): NewMessage => {
      const hex = (id++).toString(16).padStart(12, '0');
      return { id: `00000000-0000-7000-8000-${hex}`, given: false, type: 'Deposited', data, metadata: null };
    });
    await log.append(`account-${(made / perAppend) % streams}`, append, undefined);
  }
  return log;
}

/** Global positions all over the log, the same in every run. */
function* places(count: number): Generator<number> {
  for (let at = 0; at < count; at++) yield (at * 7_919_777) % (messages - 2_000);
}

export async function storeReads(): Promise<Record<string, Cost>> {
  const log = await filledLog();
  const costs: Record<string, Cost> = {};
  const add = async (name: string, read: (place: number) => Promise<unknown>) => {
    costs[name] = await measureAsync(name, async (count) => {
      for (const place of places(count)) sink.value = await read(place);
    });
  };
  const pokes = (selection: Selection) => async (place: number) => {
    const page = await log.pokes(selection, place, pagePokes);
    page.release();
  };
  const whole = { category: undefined, group: undefined, correlation: undefined };
  await add(`pokes of ${pagePokes}, all`, pokes(everything));
  await add(`pokes of ${pagePokes}, a category`, pokes(category));
  await add(`pokes, one of 64 members`, pokes({ ...category, group: { member: 3, size: 64 } }));
  await add(`read, a page of ${pageMessages}`, (place) => log.read(whole, place + 1, pageMessages));
  await add(`readStream, a page of ${pageMessages}`, (place) =>
    log.readStream(`account-${place % streams}`, { position: 0 }, pageMessages),
  );
  await add('readStream, one message by position', (place) =>
    log.readStream(`account-${place % streams}`, { position: place % 900 }, 1),
  );
  await add('readLast', (place) => log.readLast(`account-${place % streams}`, undefined));
  return costs;
}
