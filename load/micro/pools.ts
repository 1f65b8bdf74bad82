/** Each pool on and off: lending and returning the objects for one poke and for one flush. */
import { Poke } from '../../src/message/poke.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { BufferPool, bufferSizes } from '../../src/pool/buffer-pool.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';
import { type Cost, measure, sink } from './bench.ts';

/** The server's defaults, and the values of `--pooling off`. */
const pokeBounds = { on: { min: 256, max: 16_384 }, off: { min: 0, max: 0 } };
const bufferBounds = { on: { min: 2, max: 64 }, off: { min: 0, max: 0 } };
const stream = new StreamName('account-123');
/** Number of pokes in a catch-up page. */
const pageOfPokes = 512;

function onePoke(pool: ObjectPool<Poke>) {
  return (count: number) => {
    for (let made = 0; made < count; made++) {
      const poke = pool.acquire().set(stream, made, made, 0);
      sink.value = poke;
      pool.release(poke);
    }
  };
}

function pagesOfPokes(pool: ObjectPool<Poke>) {
  const page: Poke[] = [];
  return (count: number) => {
    for (let made = 0; made < count; made += pageOfPokes) {
      for (let at = 0; at < pageOfPokes; at++) page.push(pool.acquire().set(stream, at, made, 0));
      for (const poke of page) pool.release(poke);
      page.length = 0;
    }
  };
}

function oneBuffer(pool: BufferPool, bytes: number) {
  return (count: number) => {
    for (let made = 0; made < count; made++) {
      const lease = pool.acquire(bytes);
      lease.bytes[0] = made & 0xff;
      sink.value = lease;
      lease.release();
    }
  };
}

export async function pools(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const add = async (name: string, run: (count: number) => void) => {
    costs[name] = await measure(name, run);
  };
  for (const pooling of ['on', 'off'] as const) {
    const pokes = () => new ObjectPool(() => new Poke(), pokeBounds[pooling]);
    await add(`poke at a time, pool ${pooling}`, onePoke(pokes()));
    await add(`pokes by pages of ${pageOfPokes}, pool ${pooling}`, pagesOfPokes(pokes()));
    for (const bytes of bufferSizes) {
      await add(`buffer of ${bytes}, pool ${pooling}`, oneBuffer(new BufferPool(bufferBounds[pooling]), bytes));
    }
  }
  return costs;
}
