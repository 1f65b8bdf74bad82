import { GroupNode } from '../../src/groups/group-node.ts';
import type { GroupTimes } from '../../src/groups/group-times.ts';
import type { GroupStore } from '../../src/store/group-store.ts';
import { LateStore } from './late-store.ts';
import type { SimLog } from './sim-log.ts';
import type { Actor, Timeline } from './timeline.ts';

export const groupName = { uid: 'u', name: 'g' };

/** A server process. */
export type SimNode = Actor & { readonly node: GroupNode; readonly store: LateStore };

export function startNode(
  time: Timeline,
  store: GroupStore,
  log: SimLog,
  times: GroupTimes,
  newId: () => string,
): SimNode {
  const actor = time.actor();
  const late = new LateStore(store, time, actor);
  const node = new GroupNode({
    store: late,
    times,
    now: () => time.local(actor),
    wallNow: () => time.now,
    newId,
    observer: { moved: () => {}, failed: () => {} },
    headOf: () => log.head,
    toldChanged: () => {},
  });
  const sim: SimNode = Object.assign(actor, { node, store: late });
  const turn = () => {
    void node.turn();
    time.after(times.turnMs / sim.rate, sim, turn);
  };
  turn();
  return sim;
}
