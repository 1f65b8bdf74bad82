import type { Config } from '../config.ts';
import { Poke } from '../message/poke.ts';
import { BufferPool } from './buffer-pool.ts';
import { ObjectPool } from './object-pool.ts';

const settleEveryMs = 1_000;

/** The pools of a process. */
export type Pools<Pooled> = { readonly pokes: ObjectPool<Pooled>; readonly buffers: BufferPool };

/** Without pooling the pools keep nothing. */
export function createPools(config: Config): Pools<Poke> {
  const bounds = (min: number, max: number) => (config.pooling === 'on' ? { min, max } : { min: 0, max: 0 });
  return {
    pokes: new ObjectPool(() => new Poke(), bounds(config.pokePoolMin, config.pokePoolMax)),
    buffers: new BufferPool(bounds(config.bufferPoolMin, config.bufferPoolMax)),
  };
}

/** Lets the pools grow and shrink with their use until the returned function is called. */
export function keepSettling({ pokes, buffers }: Pools<Poke>): () => void {
  const timer = setInterval(() => {
    pokes.settle();
    buffers.settle();
  }, settleEveryMs).unref();
  return () => clearInterval(timer);
}
