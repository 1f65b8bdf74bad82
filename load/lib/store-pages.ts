import { Poke } from '../../src/message/poke.ts';
import { everything, type Selection } from '../../src/message/selection.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Reading } from './results.ts';
import { median } from './statistics.ts';

const pagePokes = 1_000;
const warmUpReads = 300;
const reads = 300;

/** Milliseconds for pages of 1,000 pokes from all over the log of a database, thread and all, without a server. */
export async function measurePokePages(path: string, messages: number): Promise<Reading> {
  const pokes = new ObjectPool(() => new Poke(), { min: 256, max: 16_384 });
  const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 100 };
  const store = await openStore(`sqlite:${path}`, { pokes, ...limits });
  try {
    const [namespace] = await store.namespaces.list(undefined, 1);
    const log = store.log(namespace!.log);
    const measure = async (selection: Selection) => {
      const times: number[] = [];
      for (let read = 0; read < warmUpReads + reads; read++) {
        const after = (read * 7_919_777) % Math.floor(messages / 2);
        const startMs = performance.now();
        const page = await log.pokes(selection, after, pagePokes);
        times.push(performance.now() - startMs);
        if (page.pokes.length === 0) throw new Error(`no pokes behind ${after}`);
        page.release();
      }
      return median(times.slice(warmUpReads));
    };
    const category: Selection = { ...everything, all: false, categories: ['account1'] };
    return {
      categoryPokesPageMs: await measure(category),
      memberPokesPageMs: await measure({ ...category, group: { member: 1, size: 4 } }),
    };
  } finally {
    await store.close();
  }
}
