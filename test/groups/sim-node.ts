import { GroupNode } from '../../src/groups/group-node.ts';
import type { WatchedGroup } from '../../src/groups/group-state.ts';
import type { GroupTimes } from '../../src/groups/group-times.ts';
import { ErasedMessages } from '../../src/groups/pass-erased.ts';
import { passForgotten } from '../../src/groups/pass-forgotten.ts';
import type { Message } from '../../src/message/message.ts';
import type { GroupStore } from '../../src/store/group-store.ts';
import type { Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { logGone } from '../../src/store/shared/log-gone.ts';
import { LateStore } from './late-store.ts';
import { SimFeed } from './sim-feed.ts';
import type { SimLog } from './sim-log.ts';
import type { SimLogs } from './sim-logs.ts';
import type { Actor, Timeline } from './timeline.ts';

export const groupName = { uid: 'u', name: 'g' };

/** A server process. */
export type SimNode = Actor & {
  readonly node: GroupNode;
  readonly store: LateStore;
  readonly feed: SimFeed;
  /** The log of the namespace, as far as it knows. */
  epoch: string;
};

export function startNode(
  time: Timeline,
  store: GroupStore,
  logs: SimLogs,
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
    observer: { moved: () => {}, handedOver: () => {}, failed: () => {} },
    headOf: (epoch) => logs.of(epoch).head,
    toldChanged: () => {},
  });
  const sim: SimNode = Object.assign(actor, {
    node,
    store: late,
    feed: new SimFeed(node),
    epoch: logs.current.epoch,
  });
  const read = ({ group }: WatchedGroup) => logOf(logs, logs.of(group.epoch));
  const erased = new ErasedMessages(node, read);
  let isPassing = false;
  const pass = async () => {
    if (isPassing) return;
    isPassing = true;
    try {
      for (const watched of [...node.watched])
        await passForgotten(node, watched, read(watched), logs.of(watched.group.epoch).forgottenUpTo);
      await erased.turn();
      await sim.feed.turn();
    } catch {
      // The store did not answer, or the log is gone; the next turn tries again.
    } finally {
      isPassing = false;
    }
  };
  const turn = () => {
    void node.turn();
    void pass();
    time.after(times.turnMs / sim.rate, sim, turn);
  };
  turn();
  return sim;
}

/** The part of a log that nodes use. */
function logOf(logs: SimLogs, log: SimLog): Log {
  const id = log.epoch as LogId;
  const part: Partial<Log> = {
    id,
    bounds: async () => {
      if (log !== logs.current) throw logGone();
      return { epoch: id, head: log.head, forgottenUpTo: log.forgottenUpTo, importsBelowHead: 0 };
    },
    readStream: async (stream, from) => {
      if (log !== logs.current) throw logGone();
      const message = 'position' in from ? log.read(log.indexOf(stream), from.position) : undefined;
      const messages = message === undefined ? [] : [{ position: message.position } as Message];
      return { messages, epoch: id, next: null };
    },
  };
  return part as Log;
}
