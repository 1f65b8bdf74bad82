/** Reads of a log of 1,000,000 messages in memory. */
import type { NewMessage } from '../../src/message/message.ts';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { type Cost, measureAsync, sink } from './bench.ts';

const messages = 1_000_000;
const streams = 1_000;
const namespace = 'default';
const pagePokes = 512;
const pageMessages = 1_000;
const category: Selection = { all: false, streams: [], categories: ['account'], group: null, fromPosition: 0 };

async function filledStore(): Promise<MemoryStore> {
  const store = new MemoryStore({ pokes: new ObjectPool(() => new Poke(), { min: 256, max: 16_384 }), maxBytes: 0 });
  const data = `{"text":"${'x'.repeat(89)}"}`;
  const perAppend = 100;
  let id = 0;
  for (let made = 0; made < messages; made += perAppend) {
    const append = Array.from({ length: perAppend }, (): NewMessage => {
      const hex = (id++).toString(16).padStart(12, '0');
      return { id: `00000000-0000-7000-8000-${hex}`, given: false, type: 'Deposited', data, metadata: null };
    });
    await store.append(namespace, `account-${(made / perAppend) % streams}`, append, undefined);
  }
  return store;
}

/** Global positions all over the log, the same in every run. */
function* places(count: number): Generator<number> {
  for (let at = 0; at < count; at++) yield (at * 7_919_777) % (messages - 2_000);
}

export async function storeReads(): Promise<Record<string, Cost>> {
  const store = await filledStore();
  const costs: Record<string, Cost> = {};
  const add = async (name: string, read: (place: number) => Promise<unknown>) => {
    costs[name] = await measureAsync(name, async (count) => {
      for (const place of places(count)) sink.value = await read(place);
    });
  };
  const readPokes = (selection: Selection) => async (place: number) => {
    const page = await store.readPokes(namespace, selection, place, pagePokes);
    page.release();
  };
  const whole = { category: undefined, group: undefined, correlation: undefined };
  await add(`readPokes of ${pagePokes}, all`, readPokes({ ...category, all: true, categories: [] }));
  await add(`readPokes of ${pagePokes}, a category`, readPokes(category));
  await add(`readPokes, one of 64 members`, readPokes({ ...category, group: { member: 3, size: 64 } }));
  await add(`readLog, a page of ${pageMessages}`, (place) => store.readLog(namespace, whole, place + 1, pageMessages));
  await add(`readStream, a page of ${pageMessages}`, (place) =>
    store.readStream(namespace, `account-${place % streams}`, { position: 0 }, pageMessages),
  );
  await add('readStream, one message by position', (place) =>
    store.readStream(namespace, `account-${place % streams}`, { position: place % 900 }, 1),
  );
  await add('readLast', (place) => store.readLast(namespace, `account-${place % streams}`, undefined));
  return costs;
}
