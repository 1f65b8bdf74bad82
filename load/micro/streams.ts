/** Finding a stream by a name from a request, and the longest pause while streams are added: with our index and with a `Map`. */
import { HashIndex, textHash } from '../../src/store/memory/hash-index.ts';
import { StreamDirectory } from '../../src/store/memory/stream-directory.ts';
import { type Cost, measure, sink } from './bench.ts';

const streams = 1_000;
const manyStreams = 2_200_000;

/** Names are sliced from the path of each request, like the server's, so that V8 has no hash for them yet. */
function lookUp(find: (name: string) => unknown) {
  return (count: number) => {
    for (let at = 0; at < count; at++) {
      const path = `/streams/account-${1_000_000 + (at % streams)}/messages`;
      sink.value = find(path.slice(9, path.length - 9));
    }
  };
}

/** Adds many streams. The cost is the CPU time of the slowest call, which other work on the machine does not lengthen. */
function longestPause(name: string, add: (name: string, number: number) => void): Cost {
  let longestUs = 0;
  let lastUs = cpuUs();
  for (let number = 0; number < manyStreams; number++) {
    add(`account-${number}`, number);
    const nowUs = cpuUs();
    longestUs = Math.max(longestUs, nowUs - lastUs);
    lastUs = nowUs;
  }
  console.log(`${name.padEnd(58)} ${(longestUs / 1_000).toFixed(1).padStart(11)} ms`);
  return { nsPerOp: longestUs * 1_000, heapBytesPerOp: Number.NaN, collections: Number.NaN };
}

function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

export async function streamNames(): Promise<Record<string, Cost>> {
  const directory = new StreamDirectory();
  const map = new Map<string, unknown>();
  for (let at = 0; at < streams; at++) {
    const name = `account-${1_000_000 + at}`;
    map.set(name, directory.open(name));
  }
  const costs: Record<string, Cost> = {};
  const find = async (name: string, look: (name: string) => unknown) => {
    costs[name] = await measure(name, lookUp(look));
  };
  await find('find a stream among 1,000, not at all', (name) => name);
  await find('find a stream among 1,000, by the directory', (name) => directory.stream(name));
  await find('find a stream among 1,000, by a Map', (name) => map.get(name));

  const hashes = new Uint32Array(manyStreams);
  const index = new HashIndex((number) => hashes[number]!);
  const indexed = 'longest pause of 2,200,000 new streams, our index';
  costs[indexed] = longestPause(indexed, (name, number) => {
    const hash = textHash(name);
    hashes[number] = hash;
    index.add(hash, number);
  });
  const mapped = 'longest pause of 2,200,000 new streams, a Map';
  costs[mapped] = longestPause(mapped, (name, number) => map.set(name, number));
  return costs;
}
