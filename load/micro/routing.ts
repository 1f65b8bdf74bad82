/** Looking up a poke's fan-out groups, alone and among many that do not select it. */
import { FanOutGroup } from '../../src/hub/fan-out-group.ts';
import { GroupIndex } from '../../src/hub/group-index.ts';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { type Cost, measure, sink } from './bench.ts';

const nothing: Selection = { all: false, streams: [], categories: [], group: null, fromPosition: 0 };

function indexOf(selections: readonly Selection[]): GroupIndex {
  const index = new GroupIndex();
  for (const selection of selections) index.admit(new FanOutGroup(selection));
  return index;
}

/** Routes pokes of these streams round robin, each with its own global position. */
function routeAll(index: GroupIndex, streams: readonly StreamName[], each: number) {
  const poke = new Poke();
  let globalPosition = 0;
  let found = 0;
  const count = (group: FanOutGroup) => {
    group.gatheredUpTo = poke.globalPosition;
    found++;
  };
  return (pokes: number) => {
    found = 0;
    for (let told = 0; told < pokes; told++) {
      poke.set(streams[told % streams.length]!, told, ++globalPosition, 0);
      index.route(poke, count);
    }
    if (found !== pokes * each) throw new Error(`${found} groups for ${pokes} pokes, not ${each} each`);
    sink.value = found;
  };
}

export async function routing(): Promise<Record<string, Cost>> {
  const streams = Array.from({ length: 1_000 }, (_, id) => new StreamName(`account-${id}`));
  const category: Selection = { ...nothing, categories: ['account'] };
  const others = Array.from({ length: 15_000 }, (_, id): Selection => ({ ...nothing, streams: [`other-${id}`] }));
  const members = (size: number) =>
    Array.from({ length: size }, (_, member): Selection => ({ ...category, group: { member, size } }));
  const costs: Record<string, Cost> = {};
  const add = async (name: string, selections: readonly Selection[], each: number) => {
    costs[name] = await measure(name, routeAll(indexOf(selections), streams, each));
  };
  await add('route to nobody', [], 0);
  await add('route to a category', [category], 1);
  await add('route to a category, beside 15,000 other streams', [category, ...others], 1);
  await add('route to one of 64 group members', members(64), 1);
  await add('route to members of 8 groups of 64', [64, 63, 62, 61, 60, 59, 58, 57].flatMap(members), 8);
  return costs;
}
